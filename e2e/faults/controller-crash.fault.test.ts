import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectHolds } from '../oracle/expect-holds.ts';
import { moved } from '../oracle/judge.ts';
import { planCrashes } from './crash-plan.ts';
import { churnedIn, type CrashSite, endCrashSite, startCrashSite } from './crash-site.ts';
import { live } from './lives.ts';
import { startLoad } from './load.ts';
import { randomOf } from './random.ts';
import { followServices } from './service-history.ts';
import { faultSettings } from './settings.ts';

const { seed, logs } = faultSettings(process.env, Date.now() % 1_000_000);
const CONTROLLER = { host: 'control', name: 'controller-1' };
const FAILPOINTS = {
  ofCreation: ['after-ensure', 'before-status', 'after-status'],
  ofDeletion: ['after-release', 'before-finalizer-removal', 'after-finalizer-removal'],
};

let site: CrashSite;
beforeAll(async () => {
  console.log(`FAIRLEAD_SEED=${seed}`);
  site = await startCrashSite('controller-crash');
});
afterAll(async () => {
  await endCrashSite(site, logs);
});

it('a controller that dies at every step of making and removing 100 Services gives each one address and leaves nothing', async () => {
  const { lab, before, prober, addresses } = site;
  const { crashes, left } = planCrashes(randomOf(seed), FAILPOINTS);
  const load = startLoad(prober, addresses, 100);
  const followed = followServices(lab);
  const reached = new Set<string>();

  await lab.kill(CONTROLLER.host, CONTROLLER.name);
  for (const { failpoint, ...step } of crashes) {
    const [hit] = await Promise.all([live(lab, CONTROLLER, { failpoint }), site.take(step)]);
    if (hit) reached.add(failpoint.split(':')[0]!);
  }
  await lab.start(CONTROLLER.host, CONTROLLER.name);
  await site.asked();

  const after = await expectHolds(lab, { seconds: 60 });
  await followed.stop();
  expect([...reached].sort()).toEqual(Object.values(FAILPOINTS).flat().sort());
  expect(followed.history.wrongs).toEqual([]);
  expect(moved(before, after)).toEqual([]);
  expect(churnedIn(after)).toEqual(left);
  expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
});
