import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import { moved } from '../oracle/judge.ts';
import type { Observation } from '../oracle/observation.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { startLoad } from './load.ts';
import { faultSettings } from './settings.ts';

const { deadSeconds } = faultSettings(process.env, 0);
const APPS = ['one', 'two'];
const NAMES = Array.from({ length: 10 }, (_, index) => `service-${index}`);
const PORTS = [
  { name: 'http', port: 80, targetPort: 'http' },
  { name: 'lines', port: 9000, targetPort: 'tcp-lines' },
];
/** Everything that knows or decides, in the order in which it is started again. */
const MINDS = [
  ['control', 'etcd'],
  ['control', 'kube-apiserver'],
  ['cloudagent', 'cloudagent'],
  ['control', 'controller-1'],
] as const;

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ name: `everything-dead-${process.pid}`, kubernetes: kubernetes() });
  const cluster = new Cluster(lab);
  await cluster.apply(...APPS.map((app) => echoDeployment(app, 2)));
  await Promise.all(APPS.map((app) => cluster.rolledOut(app)));
  await cluster.apply(
    ...NAMES.map((name, index) => loadBalancerService(name, APPS[index % APPS.length]!, { ports: PORTS })),
  );
});
afterAll(async () => {
  await lab?.down();
});

it(`with controller, cloudagent, API server and etcd dead for ${deadSeconds} s no connection fails, and nothing has changed when they are back`, async () => {
  const before = await expectHolds(lab, { seconds: 60 });
  const prober = await lab.startProber();
  const load = startLoad(prober, addressesOf(before), 50);
  const holds = addressesOf(before).map((address) => prober.hold({ address, port: 9000 }));
  await sleep(1_000);

  await Promise.all(MINDS.map(([host, name]) => lab.kill(host, name)));
  await sleep(deadSeconds * 1_000);
  const dead = await load.report({ reset: true });
  expect(dead).toMatchObject({ failed: 0, failures: {} });
  expect(dead.attempts).toBeGreaterThan(deadSeconds * 10);

  for (const [host, name] of MINDS) await lab.start(host, name);
  const after = await expectHolds(lab, { seconds: 90 });
  // What would be put right late must not go unseen.
  await sleep(10_000);
  const later = await expectHolds(lab, { seconds: 10 });
  expect(await load.stop()).toMatchObject({ failed: 0, failures: {} });
  for (const hold of holds) expect(await hold.stop()).toMatchObject({ open: 1, broken: [] });
  for (const now of [after, later]) {
    expect(moved(before, now)).toEqual([]);
    expect(haproxies(now)).toEqual(haproxies(before));
    expect(versions(now)).toEqual(versions(before));
  }
});

function addressesOf({ services }: Observation): string[] {
  return (services ?? []).flatMap(({ ingress }) => ingress);
}

/** Equal before and after: none was reloaded. */
function haproxies({ machines }: Observation) {
  return machines.map(({ name, inside }) => ({ name, pids: inside?.haproxyPids }));
}

/** Equal before and after: nobody wrote to any. */
function versions({ services }: Observation) {
  return services?.map(({ name, resourceVersion }) => ({ name, resourceVersion }));
}
