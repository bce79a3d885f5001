/** What the rig's programs are told, one JSON object a line; each is answered by one line before the next is sent. */

/** To the pusher, which stands for the cloudagent. */
export type PusherOrder =
  | { readonly order: 'fill'; readonly count: number }
  /** With `visit`: once it is reported as applied, the way a client is told of it, connects to its address. */
  | { readonly order: 'add'; readonly index: number; readonly visit: boolean }
  | { readonly order: 'retarget'; readonly index: number; readonly nodes: 'all' | readonly string[] }
  | { readonly order: 'remove'; readonly index: number }
  /** A node leaves the cluster, or comes back. */
  | { readonly order: 'node'; readonly name: string; readonly there: boolean }
  /** The service under load. */
  | { readonly order: 'load'; readonly udp: boolean };

export interface PusherAnswer {
  /** Before the update was written to the stream. Nanoseconds of the machine's monotonic clock, as everywhere here. */
  readonly sentNs: number;
  /** The report that it is applied was read. */
  readonly appliedNs: number;
  /** The machine's own count, from the update's arrival. */
  readonly applyMicros: number;
  readonly haproxyReloads: number;
  /** The first byte of an answer was read; absent without `visit`. */
  readonly visitedNs?: number;
}

/** To the client: connects again and again until it is greeted, by `name` if given. */
export interface KnockOrder {
  readonly address: string;
  readonly port: number;
  readonly name?: string;
  /** A new attempt every so often, whatever became of those before; absent: the next one millisecond after one is over. */
  readonly everyMs?: number;
}

export interface KnockAnswer {
  /** The first byte of the answer that counts was read. */
  readonly answeredNs: number;
  /** Who answered. */
  readonly name: string;
  readonly attempts: number;
  /** Refused, reset or closed without a word. */
  readonly failed: number;
}

/** To the baseline: all services are rendered and HAProxy is reloaded for each change. */
export type ReloaderOrder =
  | { readonly order: 'fill'; readonly count: number }
  | { readonly order: 'add'; readonly index: number }
  | { readonly order: 'retarget'; readonly index: number; readonly nodes: 'all' | readonly string[] }
  | { readonly order: 'remove'; readonly index: number }
  | { readonly order: 'node'; readonly name: string; readonly there: boolean };

export interface ReloaderAnswer {
  readonly receivedNs: number;
  /** HAProxy was told to reload. */
  readonly toldNs: number;
}

export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
