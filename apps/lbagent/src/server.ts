import { formatIdentity } from '@fairlead/certs';
import {
  type Authorise,
  createFullStateAssembler,
  deltaFromProto,
  failure,
  formatCaller,
  type HandlerContext,
  type Handlers,
  type MachineService,
  type pb,
  reportToProto,
  versionToProto,
} from '@fairlead/rpc';
import { NO_VERSION, type MachineReport } from '@fairlead/model';
import type { Logger } from '@fairlead/telemetry';
import type { Holder } from './state/holder.ts';
import { reportOf } from './report.ts';
import { acceptDelta, acceptFull, formatVersion } from './state/state.ts';
import type { StatusBoard } from './status-board.ts';

export interface MachineServiceParts {
  readonly log: Logger;
  readonly holder: Holder;
  readonly board: StatusBoard;
  readonly readConfig: () => Promise<ConfigTexts>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A report is made at least this often, so that the clock in it is never an old one; milliseconds. */
  readonly reportEveryMs: number;
}

export interface ConfigTexts {
  readonly haproxyConfig: string;
  readonly keepalivedConfig: string;
  readonly nftables: string;
}

/** Only the cloudagent of the machine's own site may call anything. */
export function onlyCloudagent(site: string): Authorise {
  const allowed = formatIdentity({ kind: 'cloudagent', site });
  return (caller) => (formatCaller(caller) === allowed ? undefined : `only ${allowed} may call an LB machine`);
}

export function machineService(parts: MachineServiceParts): Handlers<typeof MachineService> {
  return {
    sync: (requests, context) => sync(requests, context, parts),
    async getConfig() {
      return { ...(await parts.readConfig()), applied: versionToProto(parts.board.current().applied) };
    },
  };
}

/** Reports at once, after each update, and whenever something changes by itself. */
async function* sync(
  requests: AsyncIterable<pb.SyncRequest>,
  context: HandlerContext,
  parts: MachineServiceParts,
): AsyncGenerator<pb.SyncResponse.$Properties, void> {
  const { board, log, now } = parts;
  const outbox = createOutbox();
  const tell = (): void => outbox.tell(() => reportOf(board.current(), now()));
  const unsubscribe = board.subscribe(tell);
  const again = setInterval(tell, parts.reportEveryMs);
  const abort = (): void => outbox.end();
  context.signal.addEventListener('abort', abort);
  tell();
  log.info({ version: formatVersion(parts.holder.held()?.version ?? NO_VERSION) }, 'the cloudagent is connected');
  const reading = readRequests(requests, parts, outbox).then(
    () => outbox.end(),
    (error: unknown) => outbox.end(error ?? new Error('the stream broke')),
  );
  try {
    yield* outbox.reports();
  } finally {
    context.signal.removeEventListener('abort', abort);
    unsubscribe();
    clearInterval(again);
    log.info('the cloudagent is disconnected');
  }
  // One that ends because it has become old is ended by us, while the other side would still speak.
  if (!context.signal.aborted) await reading;
}

async function readRequests(
  requests: AsyncIterable<pb.SyncRequest>,
  parts: MachineServiceParts,
  outbox: Outbox,
): Promise<void> {
  const chunks = createFullStateAssembler();
  for await (const request of requests) {
    const cause = { arrivedAt: performance.now(), traceparent: request.traceparent };
    const rejected = take(request, chunks, (accept) => parts.holder.offer(accept, cause));
    if (rejected === undefined) continue;
    parts.log.warn({ rejected }, 'an update was not taken');
    outbox.reject({ ...reportOf(parts.board.current(), parts.now()), rejected, traceparent: request.traceparent });
  }
}

type Offer = (accept: Parameters<Holder['offer']>[0]) => ReturnType<Holder['offer']>;

function take(
  request: pb.SyncRequest,
  chunks: ReturnType<typeof createFullStateAssembler>,
  offer: Offer,
): ReturnType<Offer> {
  if (request.full) {
    const whole = chunks.add(request.full);
    return whole && offer((held) => acceptFull(held, whole));
  }
  if (request.delta) {
    const read = deltaFromProto(request.delta);
    return offer((held) => acceptDelta(held, read));
  }
  throw failure('INVALID_ARGUMENT', 'NO_UPDATE', 'a request carries a full state or a delta', 'update');
}

interface Outbox {
  /** A report of how things are when it is sent; several that wait are one. */
  tell(report: () => MachineReport): void;
  /** A report that must be sent as it is. */
  reject(report: MachineReport): void;
  end(error?: unknown): void;
  reports(): AsyncGenerator<pb.SyncResponse.$Properties, void>;
}

function createOutbox(): Outbox {
  const rejections: MachineReport[] = [];
  let current: (() => MachineReport) | undefined;
  let ended: { readonly error?: unknown } | undefined;
  let wake: () => void = () => undefined;
  return {
    tell(report) {
      current = report;
      wake();
    },
    reject(report) {
      rejections.push(report);
      wake();
    },
    end(error) {
      ended ??= error === undefined ? {} : { error };
      wake();
    },
    async *reports() {
      for (;;) {
        const rejection = rejections.shift();
        if (rejection) yield reportToProto(rejection);
        else if (current) {
          const report = current;
          current = undefined;
          yield reportToProto(report());
        } else if (ended) {
          if (ended.error !== undefined) throw ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
