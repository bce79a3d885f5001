import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { ownersOf } from '../tests/machines.ts';
import { loseNothing, losePackets } from './bad-network.ts';
import { faultSettings } from './settings.ts';

const { badNetworkSeconds } = faultSettings(process.env, 0);

let lab: Lab;
let prober: Prober;
let address: string;
beforeAll(async () => {
  lab = await startLab({ name: `lossy-${process.pid}`, kubernetes: kubernetes() });
  const cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 3), loadBalancerService('web', 'web'));
  await cluster.rolledOut('web');
  address = await cluster.address('web', 30);
  await expectHolds(lab, { seconds: 30 });
  prober = await lab.startProber();
});
afterAll(async () => {
  await lab?.down();
});
afterEach(async () => {
  for (const { name } of lab.site.machines) await loseNothing(lab, name);
});

async function makeOwner(name: string): Promise<void> {
  const other = lab.site.machines.find((machine) => machine.name !== name)!.name;
  const serving = (word: 'stop' | 'resume') =>
    lab.must(other, [process.execPath, lab.apps.lbagent, `${word}-serving`, '--run-dir', '/run/fairlead']);
  await serving('stop');
  await eventually(async () => expect(await ownersOf(lab, address)).toEqual([name]));
  await serving('resume');
  await expectHolds(lab, { seconds: 30 });
}

/** Connections while it lasts: how many of how many failed. */
async function lostOf(seconds: number): Promise<{ attempts: number; failed: number }> {
  const probe = prober.probe({ address, port: 80, httpPath: '/', intervalMs: 20 });
  await sleep(seconds * 1_000);
  const { attempts, failed } = await probe.stop();
  return { attempts, failed };
}

/** Three packets of ten, each way. */
const SHARE = 30;
/** It is found out within 15 s or so, and then waits until the other has missed three adverts in a row. */
const FOUND_OUT_S = 120;

it.each([
  ['lb-1', 'lb-1'],
  ['lb-2', 'lb-1'],
  ['lb-1', 'lb-2'],
])(
  'with the addresses on %s, %s loses every third packet: the other one has them in the end, and serves',
  async (owner, lossy) => {
    const other = lab.site.machines.find(({ name }) => name !== lossy)!.name;
    await makeOwner(owner);
    await losePackets(lab, lossy, 'all', SHARE);
    const began = performance.now();
    const [first] = await Promise.all([
      lostOf(badNetworkSeconds),
      eventually(
        async () => expect(await lab.fairlead(['show'])).toContain(`! ${lossy}: checks of most nodes`),
        FOUND_OUT_S,
      ),
    ]);
    await eventually(async () => expect(await ownersOf(lab, address)).toEqual([other]), FOUND_OUT_S);
    const seconds = Math.round((performance.now() - began) / 1_000);
    const later = await lostOf(badNetworkSeconds);
    console.log(`${owner} owns, ${lossy} loses: ${JSON.stringify({ first, seconds, later })}`);
    expect(later.failed).toBeLessThan(later.attempts / 2);

    await loseNothing(lab, lossy);
    await eventually(async () => expect(await ownersOf(lab, address)).toEqual([other]));
    await expectHolds(lab, { seconds: 30 });
    expect(await ownersOf(lab, address)).toEqual([other]);
  },
);

it('when every machine loses packets one of them has the addresses all the same', async () => {
  for (const { name } of lab.site.machines) await losePackets(lab, name, 'all', SHARE);
  await sleep(badNetworkSeconds * 3_000);
  expect(await ownersOf(lab, address)).not.toEqual([]);
  for (const { name } of lab.site.machines) await loseNothing(lab, name);
  await expectHolds(lab, { seconds: 30 });
});
