import type { Machines } from '../../e2e/lab/machines.ts';
import { METRICS_PORT } from './rig.ts';
import { LB } from './state.ts';

/** What lbagent has done to its data plane since it began, by its own metrics. */
export interface Counters {
  /** Changes at run time: a server more or less, an entry of a map, an address, a port caught. */
  readonly steps: number;
  readonly reloads: number;
}

export async function readCounters(machines: Pick<Machines, 'must'>): Promise<Counters> {
  const text = await machines.must('client', ['curl', '-sf', `http://${LB.address}:${METRICS_PORT}/metrics`]);
  return { steps: total(text, 'fairlead_lbagent_steps_total'), reloads: total(text, 'fairlead_haproxy_reloads_total') };
}

/** Of all rows of a counter. */
function total(text: string, name: string): number {
  const rows = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))];
  if (rows.length === 0) throw new Error(`lbagent's metrics have no ${name}`);
  return rows.reduce((sum, [, value]) => sum + Number(value), 0);
}
