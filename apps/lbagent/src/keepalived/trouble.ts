import type { ProcessStatus } from '../processes/types.ts';
import type { VrrpState } from './types.ts';

/** What is known of keepalived at one moment. Times are milliseconds of one monotonic clock. */
export interface KeepalivedSeen {
  /** What it should run, each on its link. */
  readonly instances: readonly { readonly name: string; readonly device: string; readonly linkUp: boolean }[];
  readonly process: ProcessStatus;
  /** Since when `process` is of this kind. */
  readonly processSince: number;
  /** Its last end. */
  readonly ended?: { readonly reason: string; readonly at: number };
  /** What it said last of each instance. */
  readonly said: ReadonlyMap<string, { readonly state: VrrpState; readonly at: number }>;
  /** Since when it is told that this machine is fit to own addresses; absent: it is told that it is not. */
  readonly fitSince?: number;
  /** Where its own log is, as a command or a file. */
  readonly log: string;
}

/** One that lives for so long after it ended is well again. */
const STAYS_UP_MS = 2_000;
/** Starting takes a moment; and its own check of haproxy comes every second, so FAULT may outlast its cause by more. */
const LASTS_MS = 3_000;

/**
 * PURE. Why keepalived cannot have this machine own addresses, one sentence with what to do; undefined: it can, or it
 * is told that it must not (haproxy does not answer, out of service).
 */
export function keepalivedTrouble(seen: KeepalivedSeen, now: number): string | undefined {
  const { instances, process, processSince, ended, said, fitSince, log } = seen;
  const lasts = (since: number): boolean => now - since >= LASTS_MS;
  if (instances.length === 0) return undefined;
  if (process.kind === 'stopped') {
    return lasts(processSince)
      ? `keepalived has not been started, so this machine cannot own addresses: ${log} may say why`
      : undefined;
  }
  const reason = process.kind === 'waiting' ? process.reason : ended?.reason;
  if (process.kind === 'waiting' || (ended !== undefined && now - ended.at < STAYS_UP_MS)) {
    return `keepalived does not stay up (${reason}), so this machine cannot own addresses: ${log} says why`;
  }
  if (fitSince === undefined || !lasts(fitSince)) return undefined;
  const faulty = instances.find(({ name }) => {
    const last = said.get(name);
    return last?.state === 'FAULT' && lasts(last.at);
  });
  if (faulty === undefined) return undefined;
  return faulty.linkUp
    ? `keepalived is in FAULT although haproxy answers, so this machine cannot own addresses: ${log} says why`
    : `keepalived is in FAULT because link ${faulty.device} is down, so this machine cannot own addresses: bring it up`;
}
