import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectHolds } from '../oracle/expect-holds.ts';
import { moved } from '../oracle/judge.ts';
import { planChurn } from './churn-plan.ts';
import { churnedIn, type CrashSite, endCrashSite, startCrashSite } from './crash-site.ts';
import { type Life, live } from './lives.ts';
import { startLoad } from './load.ts';
import { type Random, randomOf } from './random.ts';
import { followServices } from './service-history.ts';
import { faultSettings } from './settings.ts';

const { seed, logs } = faultSettings(process.env, Date.now() % 1_000_000);
const CLOUDAGENT = { host: 'cloudagent', name: 'cloudagent' };
const FAILPOINTS = ['after-commit', 'before-answer', 'before-push'];

let site: CrashSite;
beforeAll(async () => {
  console.log(`FAIRLEAD_SEED=${seed}`);
  site = await startCrashSite('cloudagent-crash');
});
afterAll(async () => {
  await endCrashSite(site, logs);
});

/** Fifty at any time, on the way up and after it, and four at each failpoint; in any order. */
function planLives(random: Random): Life[] {
  const several = (count: number, life: () => Life) => Array.from({ length: count }, life);
  return random.shuffle([
    ...several(25, () => ({ afterSpawnMs: random.between(0, 1_500) })),
    ...several(25, () => ({ afterReadyMs: random.between(0, 1_500) })),
    ...FAILPOINTS.flatMap((name) => several(4, () => ({ failpoint: `${name}:${random.between(1, 4)}` }))),
  ]);
}

it('a cloudagent that dies again and again while Services come and go holds no address twice, loses, moves and leaks none', async () => {
  const { lab, before, prober, addresses } = site;
  const random = randomOf(seed);
  const lives = planLives(random);
  const churn = planChurn(random, { steps: lives.length, services: 100 });
  const load = startLoad(prober, addresses, 100);
  const followed = followServices(lab);
  const reached = new Set<string>();

  await lab.kill(CLOUDAGENT.host, CLOUDAGENT.name);
  for (const [index, life] of lives.entries()) {
    const [hit] = await Promise.all([live(lab, CLOUDAGENT, life), site.take(churn.steps[index]!)]);
    if ('failpoint' in life && hit) reached.add(life.failpoint.split(':')[0]!);
  }
  await lab.start(CLOUDAGENT.host, CLOUDAGENT.name);
  await site.asked();

  const after = await expectHolds(lab, { seconds: 60 });
  await followed.stop();
  expect([...reached].sort()).toEqual(FAILPOINTS.toSorted());
  expect(followed.history.wrongs).toEqual([]);
  expect(moved(before, after)).toEqual([]);
  expect(churnedIn(after)).toEqual(churn.left);
  expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
});
