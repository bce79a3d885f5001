import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectHolds } from '../oracle/expect-holds.ts';
import { moved } from '../oracle/judge.ts';
import type { Step } from './churn-plan.ts';
import { churnedIn, type CrashSite, endCrashSite, startCrashSite } from './crash-site.ts';
import { live } from './lives.ts';
import { startLoad } from './load.ts';
import { type Random, randomOf } from './random.ts';
import { followServices } from './service-history.ts';
import { faultSettings } from './settings.ts';

const { seed, logs } = faultSettings(process.env, Date.now() % 1_000_000);
const CONTROLLER = { host: 'control', name: 'controller-1' };
const OF_CREATION = ['after-ensure', 'before-status', 'after-status'];
const OF_DELETION = ['after-release', 'before-finalizer-removal', 'after-finalizer-removal'];

let site: CrashSite;
beforeAll(async () => {
  console.log(`FAIRLEAD_SEED=${seed}`);
  site = await startCrashSite('controller-crash');
});
afterAll(async () => {
  await endCrashSite(site, logs);
});

interface Crash extends Step {
  readonly failpoint: string;
}

/** A hundred Services are made while it dies where Services are made, some of them are removed where they are removed. */
function planCrashes(random: Random): { readonly crashes: readonly Crash[]; readonly left: readonly string[] } {
  const thrice = (names: readonly string[]) => random.shuffle([...names, ...names, ...names]);
  const at = (name: string) => `${name}:${random.between(1, 4)}`;
  const names = Array.from({ length: 100 }, (_, index) => `churn-${index}`);
  const making = thrice(OF_CREATION);
  const made = making.map((name, index) => {
    const [from, to] = [index, index + 1].map((step) => Math.round((names.length * step) / making.length));
    return { failpoint: at(name), create: names.slice(from, to), remove: [] };
  });
  const doomed = random.shuffle(names).slice(0, 60);
  const removing = thrice(OF_DELETION);
  const removed = removing.map((name, index) => {
    const [from, to] = [index, index + 1].map((step) => Math.round((doomed.length * step) / removing.length));
    return { failpoint: at(name), create: [], remove: doomed.slice(from, to) };
  });
  const left = names.filter((name) => !doomed.includes(name)).sort();
  return { crashes: [...made, ...removed], left };
}

it('a controller that dies at every step of making and removing 100 Services gives each one address and leaves nothing', async () => {
  const { lab, before, prober, addresses } = site;
  const { crashes, left } = planCrashes(randomOf(seed));
  const load = startLoad(prober, addresses, 100);
  const followed = followServices(lab);
  const reached = new Set<string>();

  await lab.kill(CONTROLLER.host, CONTROLLER.name);
  for (const { failpoint, ...step } of crashes) {
    const [hit] = await Promise.all([live(lab, CONTROLLER, { failpoint }), site.take(step)]);
    if (hit) reached.add(failpoint.split(':')[0]!);
  }
  await lab.start(CONTROLLER.host, CONTROLLER.name);

  const after = await expectHolds(lab, { seconds: 60 });
  await followed.stop();
  expect([...reached].sort()).toEqual([...OF_CREATION, ...OF_DELETION].sort());
  expect(followed.history.wrongs).toEqual([]);
  expect(moved(before, after)).toEqual([]);
  expect(churnedIn(after)).toEqual(left);
  expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
});
