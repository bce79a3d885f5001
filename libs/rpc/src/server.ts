import { explainFailure, type Logger } from '@fairlead/telemetry';
import { logVerbosity, setLogVerbosity, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { createServer, type CompatServiceDefinition, type Server, type ServiceImplementation } from 'nice-grpc';
import { rm } from 'node:fs/promises';
import { boundary, type HandlerExtras } from './boundary.ts';
import type { CallerRule } from './caller.ts';
import type { RpcFailure } from './failure.ts';
import { explainClock } from './explain-call.ts';
import { gate, type Authorise } from './gate.ts';
import type { RpcMetrics } from './metrics.ts';
import { countingRefusedHandshakes } from './refused-handshakes.ts';
import { bindPrivately } from './unix-socket.ts';

// What it would write to standard error by itself is told by what it rejects with.
setLogVerbosity(logVerbosity.NONE);

/** The handlers of a service: one function per method, with {@link HandlerExtras} in its context. */
export type Handlers<Service extends CompatServiceDefinition> = ServiceImplementation<Service, HandlerExtras>;

/** A service with its handlers, ready for {@link startServer}. */
export type ServedService = (server: Server<HandlerExtras>) => void;

/** Joins a service definition and its handlers. */
export function serve<Service extends CompatServiceDefinition>(
  definition: Service,
  handlers: Handlers<Service>,
): ServedService {
  return (server) => server.add(definition, handlers);
}

export interface ServerSettings {
  /** `HOST:PORT` (IPv6 in brackets, port 0 takes a free one) or `unix:/absolute/path`. */
  readonly listen: string;
  /** Required for `HOST:PORT`; a unix socket has none. */
  readonly credentials?: ServerCredentials;
  readonly callers: CallerRule;
  readonly authorise: Authorise;
  readonly services: readonly ServedService[];
  readonly log: Logger;
  readonly limits?: Partial<ServerLimits>;
  readonly metrics?: RpcMetrics;
  /** What a handler may throw besides a RpcFailure, as the answer that it means. */
  readonly expected?: (error: unknown) => RpcFailure | undefined;
  /** Milliseconds since 1970; the system's clock unless given. */
  readonly now?: () => number;
}

export interface ServerLimits {
  readonly maxRequestBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /**
   * A stream of answers is ended in good order after this at the latest, to be begun again with the newest certificate.
   * Connections have no such limit: grpc-js cuts what is under way on them, and each call shows its caller's certificate.
   */
  readonly maxStreamAgeMs: number;
}

export const defaultLimits: ServerLimits = {
  maxRequestBytes: 4 * 1024 * 1024,
  maxStreamsPerConnection: 100,
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 5_000,
  maxStreamAgeMs: 600_000,
};

export interface RunningServer {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Takes no new calls, ends streams, lets the other calls finish for at most `graceMs` (5 s), then cuts them. */
  stop(graceMs?: number): Promise<void>;
}

/** Rejects when it cannot listen, with a message that names the address. */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const stopping = new AbortController();
  const { log, expected } = settings;
  const { maxStreamAgeMs } = { ...defaultLimits, ...settings.limits };
  const server = createServer(optionsOf(settings)).use(
    boundary({ log, stopping: stopping.signal, maxStreamAgeMs, ...(expected && { expected }) }),
  );
  for (const add of settings.services) add(server);
  const path = socketPath(settings.listen);
  const port = await listen(server, settings, path);
  return {
    port,
    async stop(graceMs = 5_000) {
      stopping.abort();
      await shutDown(server, graceMs);
      if (path !== undefined) await rm(path, { force: true });
    },
  };
}

function optionsOf({ callers, authorise, now, log, limits, metrics }: ServerSettings): ServerOptions {
  const { maxRequestBytes, maxStreamsPerConnection, ...times } = { ...defaultLimits, ...limits };
  const interceptor = gate({
    callers,
    authorise,
    now: now ?? Date.now,
    onRefused: (refusal) => log.warn(refusal, 'a call was refused'),
    onEnd: (method, code) => metrics?.served(method, code),
  });
  return {
    interceptors: [interceptor],
    'grpc.max_receive_message_length': maxRequestBytes,
    'grpc.max_concurrent_streams': maxStreamsPerConnection,
    'grpc.keepalive_time_ms': times.keepaliveMs,
    'grpc.keepalive_timeout_ms': times.keepaliveTimeoutMs,
    'grpc.so_reuseport': 0,
    'grpc-node.max_session_memory': 10,
  };
}

async function listen(
  server: Server<HandlerExtras>,
  settings: ServerSettings,
  path: string | undefined,
): Promise<number> {
  const { listen, credentials, metrics } = settings;
  if (path !== undefined) {
    const insecure = ServerCredentials.createInsecure();
    await bindPrivately(path, async (temporary) => void (await server.listen(`unix:${temporary}`, insecure)));
    return 0;
  }
  if (credentials === undefined)
    throw new Error(`listening on ${listen} needs credentials: only a unix socket has none`);
  try {
    const tellOfClocks = clockTeller(settings);
    return await countingRefusedHandshakes(
      () => server.listen(listen, credentials),
      (reason) => {
        metrics?.handshakeRefused(listen, reason);
        tellOfClocks(reason);
      },
    );
  } catch (error) {
    throw new Error(whyNotListening(listen, error), { cause: error });
  }
}

/** Callers come again every second, and one line is enough for a while; milliseconds. */
const TELL_AGAIN_MS = 600_000;

/** Says in the log that a caller's clock and ours do not agree: the caller is not told why it is turned away. */
function clockTeller({ log, now = Date.now }: ServerSettings): (reason: string) => void {
  let told = Number.NEGATIVE_INFINITY;
  return (reason) => {
    const problem = explainClock(reason, new Date(now()).toISOString());
    if (problem === undefined || performance.now() - told < TELL_AGAIN_MS) return;
    told = performance.now();
    log.error(`a caller ${problem}`);
  };
}

/** grpc-js names the system's error only in its text. */
function whyNotListening(listen: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = /\blisten (E[A-Z]+)/.exec(message)?.[1];
  if (code === undefined) return `cannot listen on ${listen}: ${message}`;
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(listen) ?? [];
  return explainFailure(
    Object.assign(new Error(message), { code, syscall: 'listen', address: host, port: Number(port) }),
  );
}

async function shutDown(server: Server<HandlerExtras>, graceMs: number): Promise<void> {
  const cut = setTimeout(() => server.forceShutdown(), graceMs);
  try {
    await server.shutdown();
  } finally {
    clearTimeout(cut);
  }
}

function socketPath(listen: string): string | undefined {
  return listen.startsWith('unix:') ? listen.slice('unix:'.length) : undefined;
}
