import type { Lab } from '../lab/lab.ts';
import { PORTS } from '../lab/site/apps.ts';
import { type Metrics, readMetrics, samplesOf } from './metrics.ts';

/** Counters of what should not happen: calls that ended otherwise than well, and handshakes that were refused. */
const COUNTERS = [
  'fairlead_rpc_client_calls_total',
  'fairlead_rpc_server_calls_total',
  'fairlead_rpc_handshakes_refused_total',
];
const CONTROLLER_METRICS = 7440;

/** Samples by part, such as `lb-1 fairlead_rpc_server_calls_total{…}`. */
export type CallCounts = ReadonlyMap<string, number>;

/** How all calls of all parts have ended so far. */
export async function countCalls(lab: Lab): Promise<CallCounts> {
  const { cloudagent, control, machines } = lab.site;
  const parts = [
    { host: cloudagent, port: PORTS.metrics },
    { host: control, port: CONTROLLER_METRICS },
    ...machines.map((host) => ({ host, port: PORTS.lbagentMetrics })),
  ];
  const all = await Promise.all(parts.map(({ host, port }) => readMetrics(lab, host, port)));
  return new Map(parts.flatMap(({ host }, index) => countersOf(host.name, all[index]!)));
}

function countersOf(part: string, metrics: Metrics): [string, number][] {
  return COUNTERS.flatMap((name) =>
    [...samplesOf(metrics, name)].map(([key, value]): [string, number] => [`${part} ${key}`, value]),
  );
}

/** What was counted between the two, by sample: `good` calls and all others. */
export function callsBetween(
  before: CallCounts,
  after: CallCounts,
): { readonly good: number; readonly bad: Readonly<Record<string, number>> } {
  let good = 0;
  const bad: Record<string, number> = {};
  for (const [key, value] of after) {
    const count = value - (before.get(key) ?? 0);
    if (count === 0) continue;
    if (key.includes('code="OK"')) good += count;
    else bad[key] = count;
  }
  return { good, bad };
}
