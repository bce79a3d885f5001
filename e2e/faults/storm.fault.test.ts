import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { moved } from '../oracle/judge.ts';
import { blackouts, causesOf, tellBlackout } from './blackouts.ts';
import { startChurn } from './churn.ts';
import { type CrashSite, endCrashSite, startCrashSite } from './crash-site.ts';
import { type LoadReport, startLoad } from './load.ts';
import { randomOf } from './random.ts';
import { faultSettings } from './settings.ts';
import { type Hit, planStorm, startStorm, type Target } from './storm.ts';

const { seed, stormSeconds, logs } = faultSettings(process.env, Date.now() % 1_000_000);

let site: CrashSite;
beforeAll(async () => {
  console.log(`FAIRLEAD_SEED=${seed} FAIRLEAD_STORM_SECONDS=${stormSeconds}`);
  site = await startCrashSite('storm', { kubernetes: { controllers: 2 } });
});
afterAll(async () => {
  await endCrashSite(site, logs);
});

function targetsOf({ site: { control, cloudagent, machines, nodes } }: Lab): Target[] {
  const mind = (host: string, name: string): Target => ({ host, name, isDataPlane: false, isKept: true });
  const several = (count: number, all: readonly Target[]) => Array.from({ length: count }, () => all).flat();
  const controllers = ['controller-1', 'controller-2'];
  const hand = (host: string, name: string): Target => ({ host, name, isDataPlane: true, isKept: false });
  return [
    ...['etcd', 'kube-apiserver'].map((name) => mind(control.name, name)),
    // Without API server nothing changes and little is tried, and it takes its time to come back.
    ...several(
      3,
      controllers.map((name) => mind(control.name, name)),
    ),
    ...several(4, [mind(cloudagent.name, 'cloudagent')]),
    ...several(
      3,
      machines.map(({ name }) => mind(name, 'lbagent')),
    ),
    ...machines.flatMap(({ name }) => [hand(name, 'haproxy'), hand(name, 'keepalived')]),
    ...nodes.map(({ name }) => hand(name, 'kube-proxy')),
  ];
}

/** Longer than two machines need together to be served again; what lasts longer is not felt but broken. */
const LONGEST_OUTAGE_MS = 15_000;
/** So long after a part of the data plane was killed a client may feel it. */
const FELT_FOR_MS = 8_000;

it(`after ${stormSeconds} s of kill -9 at everything, with Services coming, changing and going, all is as promised`, async () => {
  const { lab, before, prober, addresses } = site;
  const targets = targetsOf(lab);
  const load = startLoad(prober, addresses, 100);
  const churn = startChurn(lab, { app: 'one', living: 20 });
  const storm = startStorm(lab, targets);

  const hits = await storm.rage(planStorm(randomOf(seed), stormSeconds, targets));
  const calm = performance.now();
  const changes = await churn.stop();
  const wrongs: string[] = [];
  const onLook = ([first, ...others]: readonly string[]) =>
    wrongs.push(`  ${Math.round(performance.now() - calm)} ms: ${first ?? 'all is well'} (and ${others.length} more)`);
  const after = await expectHolds(lab, { seconds: 120, onLook });
  const heldAfterMs = Math.round(performance.now() - calm);
  await storm.stopKeeping();
  await sleep(1_000);

  const report = await load.stop();
  console.log(tell({ hits, changes, heldAfterMs, report, wrongs }));
  expect(moved(before, after)).toEqual([]);
  expect(changes.duplicates).toEqual([]);
  expect(report.longestOutageMs).toBeLessThan(LONGEST_OUTAGE_MS);
  const strokes = hits.filter(({ target }) => target.isDataPlane);
  const unprovoked = blackouts(report.outages).filter((each) => causesOf(each, strokes, FELT_FOR_MS).length === 0);
  expect(unprovoked.map((each) => tellBlackout(each, []))).toEqual([]);
});

interface Facts {
  readonly hits: readonly Hit[];
  readonly changes: object;
  readonly heldAfterMs: number;
  readonly report: LoadReport;
  readonly wrongs: readonly string[];
}

function tell({ hits, changes, heldAfterMs, report, wrongs }: Facts): string {
  const dark = blackouts(report.outages);
  const killed: Record<string, number> = {};
  for (const { target } of hits) killed[target.name] = (killed[target.name] ?? 0) + 1;
  return [
    `killed: ${hits.length} ${JSON.stringify(killed)}`,
    `changed: ${JSON.stringify(changes)}`,
    `connections: ${report.attempts}, failed ${report.failed} ${JSON.stringify(sum(Object.values(report.failures)))}`,
    `outages: ${dark.length}, longest ${report.longestOutageMs} ms; the prober itself was late by ${report.proberLateMs} ms`,
    ...dark.map((each) => `  ${tellBlackout(each, causesOf(each, hits, FELT_FOR_MS))}`),
    `the oracle held ${heldAfterMs} ms after the storm:`,
    ...wrongs,
  ].join('\n');
}

function sum(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) total[name] = (total[name] ?? 0) + count;
  return total;
}
