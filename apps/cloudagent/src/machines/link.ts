import { superviseLoop } from '@fairlead/control-loop';
import { compareVersions, type MachineReport, type MachineState, type Version } from '@fairlead/model';
import { deltaToProto, fullStateToProto, pb, reportFromProto } from '@fairlead/rpc';
import { formatTraceparent, type Logger, type Trace, withTrace } from '@fairlead/telemetry';
import { connectionProblem } from './connection-problem.ts';
import { Outgoing } from './outgoing.ts';
import { diff } from './plan-diff.ts';
import {
  afterDisconnect,
  afterReport,
  afterSend,
  type LinkState,
  NEW_LINK,
  nextUpdate,
  type Update,
} from './push-decision.ts';
import { type MachineView, noteAck } from '../status.ts';

export type SyncRequest = pb.SyncRequest.$Properties;

/** A stream to one machine: what is sent, what comes back. */
export type OpenSync = (requests: AsyncIterable<SyncRequest>, signal: AbortSignal) => AsyncIterable<pb.SyncResponse>;

export interface LinkSettings {
  readonly name: string;
  readonly open: OpenSync;
  /** Newest version of the truth, and the machine's state in it. */
  readonly version: () => Version;
  readonly plan: () => MachineState | undefined;
  /** Makes our epoch higher than the reported one. */
  readonly raise: (reported: Version) => Promise<void>;
  /** The story of the newest change. */
  readonly trace: () => Trace | undefined;
  /** Something about the machine is different; `notable`: more than what it has applied. */
  readonly onChange: (notable: boolean) => void;
  readonly now: () => number;
  readonly log: Logger;
}

/** A connected machine says what it holds within this time, and answers an update within the other; milliseconds. */
const FIRST_REPORT_MS = 10_000;
const ANSWER_MS = 60_000;
/** A larger delta goes as a whole state, in chunks. */
const MAX_DELTA_BYTES = 1024 * 1024;
/** One that refuses again and again gets a new stream, after a pause. */
const MAX_REJECTIONS = 3;
/** A stream that lived so long was ended because it had become old, and is begun again at once; milliseconds. */
const TURN_OVER_MS = 1_000;

/** Keeps one machine at the newest state, over one stream at a time, whatever happens to it. */
export class MachineLink {
  readonly #settings: LinkSettings;
  readonly #stopping = new AbortController();
  #link: LinkState = NEW_LINK;
  #view: MachineView;
  #outgoing: Outgoing<SyncRequest> | undefined;
  #running: Promise<void> = Promise.resolve();
  #rejections = 0;
  #sentAt = 0;

  constructor(settings: LinkSettings) {
    this.#settings = settings;
    this.#view = { name: settings.name, connected: false, problem: 'is not connected yet', acks: [] };
  }

  get view(): MachineView {
    return this.#view;
  }

  /** Why nothing can be pushed, or undefined. */
  get problem(): string | undefined {
    const { supersededBy } = this.#link;
    if (supersededBy !== undefined) {
      return `obeys another cloudagent (epoch ${supersededBy.epoch}): stop the one that should not run, then restart this one`;
    }
    return this.#view.problem;
  }

  start(): void {
    const { signal } = this.#stopping;
    this.#running = superviseLoop((running) => this.#streams(running), {
      signal,
      backOff: { firstMs: 200, maxMs: 1_000, jitter: 0.3 },
      wellAfterMs: 5_000,
      onEnd: ({ error, restartAfterMs }) => this.#disconnected(error, restartAfterMs),
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** The truth has changed: sends what is new, unless an answer is still awaited. */
  wake(): void {
    const { version, plan } = this.#settings;
    const update = this.#outgoing && nextUpdate(this.#link, version(), plan);
    if (this.#outgoing === undefined || update === undefined) return;
    this.#link = afterSend(this.#link, update);
    this.#sentAt = this.#settings.now();
    const trace = this.#settings.trace();
    const traceparent = trace === undefined ? '' : formatTraceparent(trace);
    this.#tellPush(update, trace);
    for (const message of messagesOf(update)) this.#outgoing.send({ ...message, traceparent });
  }

  #tellPush(update: Update, trace: Trace | undefined): void {
    const { log, name } = this.#settings;
    const told = trace === undefined ? log : withTrace(log, trace);
    const from = update.kind === 'delta' ? update.from.version.generation : undefined;
    told.info({ machine: name, update: update.kind, from, to: update.to.version }, 'pushing');
  }

  async #streams(stopping: AbortSignal): Promise<void> {
    for (;;) {
      const began = this.#settings.now();
      await this.#stream(stopping);
      if (stopping.aborted || this.#settings.now() - began < TURN_OVER_MS) {
        throw new Error('it ended the stream');
      }
      this.#link = afterDisconnect(this.#link);
    }
  }

  /** Resolves when the machine ends it in good order. */
  async #stream(stopping: AbortSignal): Promise<void> {
    const broken = new AbortController();
    const outgoing = new Outgoing<SyncRequest>();
    const watchdog = setInterval(() => this.#watch(broken), 1_000);
    this.#outgoing = outgoing;
    this.#sentAt = this.#settings.now();
    this.#rejections = 0;
    try {
      const signal = AbortSignal.any([stopping, broken.signal]);
      for await (const response of this.#settings.open(outgoing, signal)) {
        await this.#hear(reportFromProto(response));
      }
    } catch (error) {
      throw broken.signal.aborted ? broken.signal.reason : error;
    } finally {
      clearInterval(watchdog);
      outgoing.end();
      this.#outgoing = undefined;
    }
  }

  #watch(broken: AbortController): void {
    const waited = this.#settings.now() - this.#sentAt;
    if (!this.#link.hasReported && waited > FIRST_REPORT_MS) broken.abort(new Error('it did not say what it holds'));
    if (this.#link.inFlight !== undefined && this.#link.hasReported && waited > ANSWER_MS) {
      broken.abort(new Error(`it did not answer an update within ${ANSWER_MS / 1000} s`));
    }
  }

  async #hear(report: MachineReport): Promise<void> {
    const { version, raise, name, log } = this.#settings;
    let heard = afterReport(this.#link, report, version());
    if (heard.raise !== undefined) {
      log.warn({ machine: name, reported: heard.raise }, 'a machine knows a later life of this site: going above it');
      await raise(heard.raise);
      heard = afterReport(this.#link, report, version());
    }
    const wasSuperseded = this.#link.supersededBy !== undefined;
    this.#link = heard.link;
    if (heard.link.supersededBy !== undefined && !wasSuperseded) {
      log.error({ machine: name, by: heard.link.supersededBy }, `machine ${name} ${this.problem}`);
    }
    this.#rejections = report.rejected === undefined ? 0 : this.#rejections + 1;
    if (this.#rejections >= MAX_REJECTIONS) throw new Error(`it answers ${report.rejected} to every update`);
    this.#see(report);
    this.wake();
  }

  #see(report: MachineReport): void {
    const { now, version, onChange, log, name } = this.#settings;
    const before = this.#view;
    const acks = noteAck(before.acks, report.applied, version().epoch, now());
    this.#view = { name, connected: true, report, acks, clockSkewMs: Date.parse(report.clock) - now() };
    if (!before.connected) log.info({ machine: name, applied: report.applied }, 'machine connected');
    onChange(!before.connected || isNotable(before.report, report));
  }

  #disconnected(error: unknown, restartAfterMs: number): void {
    const { log, name, onChange } = this.#settings;
    const why = connectionProblem(error);
    const isNews = this.#view.problem !== why;
    this.#link = afterDisconnect(this.#link);
    this.#view = { ...this.#view, connected: false, problem: why };
    if (!isNews) return;
    log.warn({ machine: name, why, restartAfterMs }, 'machine not connected: it goes on serving what it has');
    onChange(true);
  }
}

function messagesOf(update: Update): SyncRequest[] {
  if (update.kind === 'delta') {
    const versions = { from: update.from.version, to: update.to.version };
    const delta = deltaToProto(versions, diff(update.from.state, update.to.state));
    if (pb.DeltaState.encode(delta).len <= MAX_DELTA_BYTES) return [{ delta }];
  }
  return [...fullStateToProto(update.to.version, inOrder(update.to.state))].map((full) => ({ full }));
}

/** The same bytes for the same state, in whatever order it came about. */
function inOrder({ loadBalancers, ...rest }: MachineState): MachineState {
  return { ...rest, loadBalancers: new Map([...loadBalancers].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/** What load balancers' states depend on besides the applied version. */
function isNotable(before: MachineReport | undefined, after: MachineReport): boolean {
  const key = ({ ownedInstances, refused }: MachineReport) => JSON.stringify([ownedInstances, refused]);
  return before === undefined || key(before) !== key(after);
}

/** How many generations the machine is behind; its own count when it is of another epoch. PURE. */
export function lagOf(view: MachineView, version: Version): number {
  const applied = view.report?.applied;
  if (applied === undefined || applied.epoch !== version.epoch) return version.generation;
  return compareVersions(applied, version) >= 0 ? 0 : version.generation - applied.generation;
}
