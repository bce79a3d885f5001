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

/** Megabytes (10^6) a second that were received over TCP, from `iperf3 --json`; throws with its own words when it failed. */
export function parseIperf(text: string): number {
  const bits = endOf(text).sum_received?.bits_per_second;
  if (bits === undefined) throw new Error('iperf3 printed no figures');
  return bits / 8e6;
}

/** Datagrams a second that arrived, from `iperf3 --udp --json`; throws with its own words when it failed. */
export function parseIperfUdp(text: string): number {
  const { packets, lost_packets: lost, seconds } = endOf(text).sum ?? {};
  if (!packets || lost === undefined || !seconds) throw new Error('iperf3 printed no figures');
  return (packets - lost) / seconds;
}

interface IperfEnd {
  readonly sum_received?: { readonly bits_per_second?: number };
  readonly sum?: { readonly packets?: number; readonly lost_packets?: number; readonly seconds?: number };
}

function endOf(text: string): IperfEnd {
  const { error, end } = JSON.parse(text) as { readonly error?: string; readonly end?: IperfEnd };
  if (error !== undefined || end === undefined) throw new Error(`iperf3: ${error ?? 'printed no figures'}`);
  return end;
}
