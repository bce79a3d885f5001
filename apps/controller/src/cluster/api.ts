import type { IncomingMessage, RequestOptions } from 'node:http';
import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '@fairlead/control-loop';
import type { KubeConfig } from '@kubernetes/client-node';
import { credentialSource } from './credentials.ts';
import { field, integer, text } from './narrow.ts';

/** A request that the API server answered with an error, or did not answer (status 0). */
export class ApiFailure extends Error {
  readonly status: number;
  /** metav1.Status reason, for example `Conflict`; may be empty. */
  readonly reason: string;
  /** From Retry-After; undefined when the server did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: { status: number; reason?: string; retryAfterMs?: number | undefined }) {
    super(message);
    this.name = 'ApiFailure';
    this.status = facts.status;
    this.reason = facts.reason ?? '';
    this.retryAfterMs = facts.retryAfterMs;
  }
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface StreamRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly accept?: string;
  /** The connection is cut when nothing arrives for so long. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
  /** Called with each line, and with `undefined` when the server has accepted the request. */
  readonly onLine: (line: string | undefined) => void;
}

/** The Kubernetes API over kept-alive connections. */
export interface Api {
  /** The answer's JSON; rejects with ApiFailure. */
  request(request: ApiRequest): Promise<unknown>;
  /** Resolves when the server ends the stream; rejects on error, silence or abort. */
  stream(request: StreamRequest): Promise<void>;
  close(): void;
}

export const MERGE_PATCH = 'application/strategic-merge-patch+json';

const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * client-node loads the kubeconfig and knows how to authenticate; its own requests make a new connection each
 * (a TLS handshake in every answer's time), so requests are sent from here.
 */
export function openApi(kubeConfig: KubeConfig, clock: Clock): Api {
  const server = kubeConfig.getCurrentCluster()?.server;
  if (server === undefined) throw new Error('the kubeconfig names no current cluster: set current-context');
  const base = new URL(server);
  const connections = credentialSource(kubeConfig, base, clock);

  async function open(request: Omit<ApiRequest, 'timeoutMs'>, signal: AbortSignal): Promise<IncomingMessage> {
    const { agent, headers } = await connections.current();
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const options: RequestOptions = {
      method: request.method,
      host: base.hostname,
      port: base.port === '' ? undefined : base.port,
      path: pathOf(base, request),
      agent,
      signal,
      headers: {
        ...headers,
        accept: request.accept ?? 'application/json',
        'user-agent': 'fairlead-controller',
        ...(body === undefined
          ? {}
          : {
              'content-type': request.contentType ?? 'application/json',
              'content-length': String(Buffer.byteLength(body)),
            }),
      },
    };
    return send(base.protocol === 'http:' ? http : https, options, body);
  }

  return {
    async request(request) {
      const timeout = AbortSignal.timeout(request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
      const what = `${request.method} ${request.path}`;
      try {
        const response = await open(request, signal);
        const body = await readAll(response);
        return parseAnswer(what, response, body);
      } catch (error) {
        throw asFailure(what, error);
      }
    },

    async stream({ path, query, accept, idleMs, signal, onLine }) {
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(new Error(`nothing heard for ${idleMs} ms`)), idleMs);
      try {
        const request = { method: 'GET' as const, path, query, ...(accept === undefined ? {} : { accept }) };
        const response = await open(request, AbortSignal.any([signal, silence.signal]));
        if (response.statusCode !== 200) parseAnswer(`GET ${path}`, response, await readAll(response));
        onLine(undefined);
        timer.refresh();
        await readLines(response, (line) => (line === undefined ? timer.refresh() : onLine(line)));
      } catch (error) {
        throw asFailure(`watch ${path}`, silence.signal.aborted ? silence.signal.reason : error);
      } finally {
        clearTimeout(timer);
      }
    },

    close() {
      connections.close();
    },
  };
}

function pathOf(base: URL, request: Pick<ApiRequest, 'path' | 'query'>): string {
  const query = new URLSearchParams(request.query).toString();
  return `${base.pathname.replace(/\/$/, '')}${request.path}${query === '' ? '' : `?${query}`}`;
}

function send(
  client: typeof http | typeof https,
  options: RequestOptions,
  body: string | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = client.request(options, resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Calls `onLine` with each whole line, and with undefined whenever bytes arrived. */
async function readLines(response: IncomingMessage, onLine: (line: string | undefined) => void): Promise<void> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    onLine(undefined);
    const parts = (chunk as string).split('\n');
    parts[0] = rest + parts[0]!;
    rest = parts.pop()!;
    for (const line of parts) if (line !== '') onLine(line);
  }
}

function parseAnswer(what: string, response: IncomingMessage, body: string): unknown {
  const status = response.statusCode ?? 0;
  const answer = parseJson(body);
  if (status >= 200 && status < 300) return answer;
  const said = text(field(answer, 'message')) ?? body.slice(0, 200);
  throw new ApiFailure(`${what}: the API server answered ${status}: ${said}`, {
    status,
    reason: text(field(answer, 'reason')) ?? '',
    retryAfterMs: retryAfter(response, answer),
  });
}

function retryAfter(response: IncomingMessage, answer: unknown): number | undefined {
  const header = response.headers['retry-after'];
  const seconds =
    header !== undefined && /^\d+$/.test(header)
      ? Number(header)
      : integer(field(field(answer, 'details'), 'retryAfterSeconds'));
  return seconds === undefined ? undefined : seconds * 1000;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function asFailure(what: string, error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ApiFailure(`${what}: no answer from the API server: ${reason}`, { status: 0 });
}
