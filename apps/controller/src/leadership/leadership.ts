/** Times of the election in milliseconds, as upstream's controllers use them. */
export interface ElectionTimes {
  /** Others may take over when the holder has not been seen to renew for so long. */
  readonly leaseMs: number;
  /** The holder stops when it has not renewed for so long; less than `leaseMs`. */
  readonly renewDeadlineMs: number;
  /** Between two tries. */
  readonly retryMs: number;
}

export const ELECTION_TIMES: ElectionTimes = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** The fields of a coordination.k8s.io/v1 Lease that the election uses. */
export interface LeaseRecord {
  readonly holder: string;
  /** As written; compared, never read as a time: other machines' clocks are not trusted. */
  readonly renewTime: string;
  readonly leaseMs: number;
  readonly transitions: number;
  readonly acquireTime: string;
  readonly resourceVersion: string;
  /** Labels and annotations that others gave it; they stay. */
  readonly marks?: Readonly<Record<string, unknown>>;
}

/** A lease and when, on our own clock, it was first seen to be so. */
export interface Observation {
  /** Undefined: there is no such Lease. */
  readonly record: LeaseRecord | undefined;
  readonly since: number;
}

/** The observation after reading the lease once more: an unchanged renewal keeps its time. */
export function observe(before: Observation | undefined, record: LeaseRecord | undefined, now: number): Observation {
  const unchanged =
    before !== undefined &&
    before.record?.holder === record?.holder &&
    before.record?.renewTime === record?.renewTime &&
    before.record?.transitions === record?.transitions;
  return { record, since: unchanged ? before.since : now };
}

export type Decision =
  | { readonly kind: 'create' }
  /** Nobody's, or its holder is gone. */
  | { readonly kind: 'take'; readonly record: LeaseRecord }
  | { readonly kind: 'renew'; readonly record: LeaseRecord }
  | { readonly kind: 'wait'; readonly holder: string };

/** What to do about the lease now, for somebody called `me`. */
export function decide({ record, since }: Observation, me: string, now: number): Decision {
  if (record === undefined) return { kind: 'create' };
  if (record.holder === me) return { kind: 'renew', record };
  if (record.holder === '' || now - since > record.leaseMs) return { kind: 'take', record };
  return { kind: 'wait', holder: record.holder };
}

/**
 * Whether somebody who last renewed at `renewedAt` may still act. Judged by local time alone, so that a process
 * that was stopped and woken knows it before it does anything.
 */
export function stillLeads(renewedAt: number | undefined, now: number, times: ElectionTimes): boolean {
  return renewedAt !== undefined && now - renewedAt < times.renewDeadlineMs;
}
