/** What `wrk --latency` saw. */
export interface Requests {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Connections that failed, answers that were none. */
  readonly failed: number;
}

/** Reads what `wrk --latency` prints; throws on anything else. */
export function parseWrk(text: string): Requests {
  const perSecond = /^Requests\/sec: +([\d.]+)$/m.exec(text)?.[1];
  const p99 = /^ +99% +([\d.]+)(us|ms|s)$/m.exec(text);
  if (perSecond === undefined || !p99) throw new Error(`wrk printed no figures: ${text.trim().slice(0, 500)}`);
  const errors = /^ +Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$/m.exec(text)?.slice(1) ?? [];
  const wrong = /^ +Non-2xx or 3xx responses: (\d+)$/m.exec(text)?.[1] ?? '0';
  const milliseconds = { us: 0.001, ms: 1, s: 1000 }[p99[2] as 'us' | 'ms' | 's'];
  return {
    perSecond: Number(perSecond),
    p99Ms: Number(p99[1]) * milliseconds,
    failed: [...errors, wrong].reduce((sum, count) => sum + Number(count), 0),
  };
}

/** Megabytes (10^6) a second that were received, from `iperf3 --json`; throws with its own words when it failed. */
export function parseIperf(text: string): number {
  const result = JSON.parse(text) as {
    readonly error?: string;
    readonly end?: { readonly sum_received?: { readonly bits_per_second?: number } };
  };
  const bits = result.end?.sum_received?.bits_per_second;
  if (bits === undefined) throw new Error(`iperf3: ${result.error ?? 'printed no figures'}`);
  return bits / 8e6;
}
