import { sleep } from '../../e2e/lab/command.ts';
import type { Measurement, Prober } from '../../e2e/lab/prober-client.ts';
import type { ProbeReport } from '../../e2e/prober/protocol.ts';
import { eventually } from '../../e2e/tests/eventually.ts';
import type { Fault, Pair } from './pair.ts';

export interface Seen {
  /** From the start of the first attempt that failed to the start of the first after which none did; 0: none failed. */
  readonly outageMs: number;
  /** How late the client itself was at worst. */
  readonly clientLateMs: number;
}

const EVERY_MS = 5;
/** An outage that lasts longer is no figure. */
const PATIENCE_MS = 30_000;

/**
 * What a client sees of a fault of the owner: it opens a connection to one address every 5 ms, and as often to the next
 * of all. `watchMs`: longer than the outage should last; one that goes on is watched for as long again. Throws when it does
 * not end.
 */
export async function measureOutage(pair: Pair, prober: Prober, fault: Fault, watchMs: number): Promise<Seen> {
  const owner = await eventually(() => pair.owner(), 60);
  const target = { port: 80, httpPath: '/', intervalMs: EVERY_MS };
  const probes = [
    prober.probe({ ...target, address: pair.vips[0]! }),
    prober.probe({ ...target, address: pair.vips[0]!, addresses: pair.vips }),
  ];
  await sleep(300);
  for (const probe of probes) await probe.report({ reset: true });
  await pair.strike(fault, owner);
  const deadline = performance.now() + PATIENCE_MS;
  do {
    if (performance.now() > deadline) throw new Error(`${fault}: not served again within ${PATIENCE_MS} ms`);
    await sleep(watchMs);
  } while (await isOut(probes));
  const reports = await Promise.all(probes.map((probe) => probe.stop()));
  await pair.mend(fault, owner);
  return {
    outageMs: Math.max(...reports.map(lengthOf)),
    clientLateMs: Math.max(...reports.map(({ proberLateMs }) => proberLateMs)),
  };
}

async function isOut(probes: readonly Measurement<ProbeReport>[]): Promise<boolean> {
  const reports = await Promise.all(probes.map((probe) => probe.report()));
  return reports.some(({ outages }) => outages.at(-1)?.open === true);
}

function lengthOf({ outages }: ProbeReport): number {
  const [first, last] = [outages[0], outages.at(-1)];
  return first && last ? Date.parse(last.from) + last.ms - Date.parse(first.from) : 0;
}
