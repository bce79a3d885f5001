/** One JSON object a line on the prober's standard input. */
export type ProberCommand =
  | ({ readonly command: 'start' } & ProbeSpec)
  | ({ readonly command: 'hold' } & HoldSpec)
  /** Answered with the last report. */
  | { readonly command: 'stop'; readonly id: string }
  /** Answered with what was seen since the start, or since the last report with `reset`. */
  | { readonly command: 'report'; readonly id: string; readonly reset?: boolean };

/** Opens a new connection again and again. It is good when the whole answer came before the deadline. */
export interface ProbeSpec {
  readonly id: string;
  readonly address: string;
  /** Instead of `address` alone: each gets an attempt in turn. */
  readonly addresses?: readonly string[];
  readonly port: number;
  /** 10 ms unless given. */
  readonly intervalMs?: number;
  /** 900 ms unless given: less than TCP's first retransmission, so that no dead machine's connection counts as good. */
  readonly deadlineMs?: number;
  /** GET this path and expect 200 from an echo program; without it, an echo program's TCP greeting is expected. */
  readonly httpPath?: string;
  /** One datagram from a port of its own, and an echo program's answer to it. */
  readonly udp?: true;
  /** Expect no more than that the connection is accepted. */
  readonly connectOnly?: boolean;
}

/** Keeps connections open, and a line going to and fro on each; or flows of datagrams, from one port each. */
export interface HoldSpec {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly udp?: true;
  /** 1 unless given. */
  readonly connections?: number;
  /** 100 ms unless given. */
  readonly intervalMs?: number;
}

/** One JSON object a line on the prober's standard output. */
export type ProberAnswer =
  | { readonly id: string; readonly probe: ProbeReport }
  | { readonly id: string; readonly hold: HoldReport }
  | { readonly id: string; readonly error: string };

export interface ProbeReport {
  /** Finished ones; those still under way are in the next report. */
  readonly attempts: number;
  readonly ok: number;
  readonly failed: number;
  /** For example {"ECONNREFUSED": 3, "timeout": 1}. */
  readonly failures: Readonly<Record<string, number>>;
  /** Good answers by the name of the echo program. */
  readonly backends: Readonly<Record<string, number>>;
  /** Of good ones, from the first packet to the whole answer. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** From the start of the first bad attempt to the start of the next good one. */
  readonly longestOutageMs: number;
  readonly outages: readonly Outage[];
  /** How late the prober itself was at worst: figures below this say nothing. */
  readonly proberLateMs: number;
}

export interface Outage {
  /** RFC 3339. */
  readonly from: string;
  readonly ms: number;
  readonly attempts: number;
  /** It had not ended by the time of the report. */
  readonly open: boolean;
}

export interface HoldReport {
  readonly connections: number;
  readonly open: number;
  readonly lines: number;
  /** The longest that a line was under way. */
  readonly longestStallMs: number;
  /** Datagrams that got no answer; those still under way not counted. 0 for TCP. */
  readonly lost: number;
  readonly broken: readonly { readonly connection: number; readonly at: string; readonly why: string }[];
  /** Connections by who greeted them; for UDP, flows by who answered them, some of them by several. */
  readonly backends: Readonly<Record<string, number>>;
}
