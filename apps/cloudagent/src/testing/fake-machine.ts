import { compareVersions, type MachineReport, type MachineState, NO_VERSION, type Version } from '@fairlead/model';
import {
  createClient,
  createFullStateAssembler,
  deltaFromProto,
  failure,
  type HandlerContext,
  MachineService,
  openChannel,
  type pb,
  reportToProto,
  type RunningServer,
  serve,
  startServer,
} from '@fairlead/rpc';
import type { serverCredentials } from '@fairlead/certs';
import { createLogger } from '@fairlead/telemetry';
import type { Connection } from '../push.ts';
import { applyDelta } from './apply-delta.ts';
import { machineReport } from './machine-report.ts';

type ServerCredentials = ReturnType<typeof serverCredentials>;

export const silentLog = createLogger({ component: 'test', level: 'silent' });

/** An LB machine that applies everything in memory, behind a real gRPC server. */
export class FakeMachine {
  /** What it holds; survives `stop`, as lbagent's disk does. */
  version: Version = NO_VERSION;
  state: MachineState | undefined;
  owned: readonly string[] = [];
  /** Its clock less the right time; milliseconds. */
  clockAheadMs = 0;
  refused: MachineReport['refused'] = [];
  /** Every update, in order: `full 3` or `delta 3>5`. */
  readonly updates: string[] = [];
  readonly traceparents: string[] = [];
  /** Updates are applied only when this resolves. */
  gate: Promise<void> = Promise.resolve();
  /** After it a stream is ended in good order; for the next start. */
  maxStreamAgeMs = 600_000;
  streams = 0;
  readonly #listen: string;
  readonly #credentials: ServerCredentials | undefined;
  #port = 0;
  #server: RunningServer | undefined;
  readonly #streams = new Set<(report: pb.SyncResponse.$Properties) => void>();

  /** `unix:/path`, or `HOST:0` with credentials. */
  constructor(listen: string, credentials?: ServerCredentials) {
    this.#listen = listen;
    this.#credentials = credentials;
  }

  /** The one it had first, also when it is started again. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const sync = (requests: AsyncIterable<pb.SyncRequest>, { signal }: HandlerContext) => this.#sync(requests, signal);
    const getConfig = () => Promise.reject(failure('UNIMPLEMENTED', 'UNIMPLEMENTED', 'this machine shows nothing'));
    this.#server = await startServer({
      listen: this.#listen.replace(/:0$/, `:${this.#port}`),
      ...(this.#credentials === undefined
        ? { callers: 'admin-socket' }
        : { callers: 'certificate', credentials: this.#credentials }),
      authorise: () => undefined,
      services: [serve(MachineService, { sync, getConfig })],
      log: silentLog,
      limits: { maxStreamAgeMs: this.maxStreamAgeMs },
    });
    this.#port = this.#server.port;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(0);
    this.#server = undefined;
  }

  connect(): Connection {
    const channel = openChannel(this.#listen, undefined, { backOffMs: 50, maxBackOffMs: 200 });
    const client = createClient(MachineService, channel);
    return { open: (requests, signal) => client.sync(requests, { signal }), close: () => channel.close() };
  }

  /** Says something without being asked. */
  report(): void {
    for (const tell of this.#streams) tell(this.#report());
  }

  #report(rejected?: MachineReport['rejected']): pb.SyncResponse.$Properties {
    return reportToProto(
      machineReport({
        applied: this.version,
        ...(rejected === undefined ? {} : { rejected }),
        refused: this.refused,
        ownedInstances: this.owned,
        capabilities: { agentVersion: '1', haproxyVersion: '2.6', keepalivedVersion: '2.2', kernelVersion: '6' },
        clock: new Date(Date.now() + this.clockAheadMs).toISOString(),
        applyMicros: 1,
      }),
    );
  }

  async *#sync(
    requests: AsyncIterable<pb.SyncRequest>,
    signal: AbortSignal,
  ): AsyncGenerator<pb.SyncResponse.$Properties> {
    this.streams += 1;
    const queue: pb.SyncResponse.$Properties[] = [this.#report()];
    let wake: () => void = () => undefined;
    const over = { is: false };
    const tell = (report: pb.SyncResponse.$Properties) => {
      queue.push(report);
      wake();
    };
    this.#streams.add(tell);
    const end = () => {
      over.is = true;
      wake();
    };
    signal.addEventListener('abort', end);
    const reading = this.#read(requests, tell).finally(end);
    try {
      while (!over.is || queue.length > 0) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#streams.delete(tell);
      const ended = reading.catch(() => undefined);
      if (!signal.aborted) await ended;
    }
  }

  async #read(requests: AsyncIterable<pb.SyncRequest>, tell: (report: pb.SyncResponse.$Properties) => void) {
    const assembler = createFullStateAssembler();
    for await (const { full, delta, traceparent } of requests) {
      this.traceparents.push(traceparent);
      if (full) {
        const read = assembler.add(full);
        if (read === undefined) continue;
        await this.gate;
        tell(this.#take(`full ${read.version.generation}`, read.version, () => read.state));
      } else if (delta) {
        const read = deltaFromProto(delta);
        await this.gate;
        const isRightBase = this.state !== undefined && compareVersions(read.from, this.version) === 0;
        const name = `delta ${read.from.generation}>${read.to.generation}`;
        if (isRightBase) tell(this.#take(name, read.to, () => applyDelta(this.state!, read.delta)));
        else tell(this.#report('WRONG_BASE'));
      }
    }
  }

  #take(name: string, version: Version, state: () => MachineState): pb.SyncResponse.$Properties {
    this.updates.push(name);
    if (compareVersions(version, this.version) < 0) return this.#report('OLDER_VERSION');
    this.state = state();
    this.version = version;
    return this.#report();
  }
}
