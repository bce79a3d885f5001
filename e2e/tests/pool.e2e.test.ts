import { afterAll, beforeAll, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({
    name: `pool-${process.pid}`,
    kubernetes: kubernetes({ controllers: 2 }),
    vipRanges: ['10.9.100.1-10.9.100.2'],
    controlPlane: true,
  });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 1));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

it('says in event and condition that the pool is empty, and serves the oldest waiter when one is freed', async () => {
  for (const name of ['a', 'b']) await cluster.apply(loadBalancerService(name, 'web'));
  const freed = await cluster.address('a');
  await cluster.address('b');
  await cluster.apply(loadBalancerService('oldest', 'web'));
  await cluster.condition('oldest', 'AddressAllocated', 'False');
  await cluster.apply(loadBalancerService('younger', 'web'));
  const { message } = await cluster.condition('younger', 'AddressAllocated', 'False');
  expect(message).toContain('default');
  await eventually(async () => {
    const warning = (await cluster.events('oldest')).find(({ reason }) => reason === 'AllocationFailed');
    expect(warning?.message).toContain('default');
  });

  await cluster.kubectl(['delete', 'service', 'a', '--timeout=20s']);
  expect(await cluster.address('oldest', 5)).toBe(freed);
  expect((await cluster.service('younger')).status.loadBalancer.ingress ?? []).toEqual([]);
  await cluster.kubectl(['delete', 'service', 'b', 'oldest', 'younger', '--timeout=20s']);
});

it('serves the real API server at the control-plane address', async () => {
  const address = lab.site.cluster.controlPlaneAddress!;
  const version = await cluster.kubectl([
    `--server=https://${address}:6443`,
    '--tls-server-name=kubernetes.default.svc',
    'get',
    '--raw',
    '/version',
  ]);
  expect(JSON.parse(version)).toMatchObject({ gitVersion: 'v1.36.2' });
});

async function leader(): Promise<string> {
  return eventually(async () => {
    const text = await cluster.kubectl(['get', 'lease', '-n', 'fairlead-system', '-o', 'json']);
    const holder = (JSON.parse(text) as { items: { spec: { holderIdentity?: string } }[] }).items[0]?.spec
      .holderIdentity;
    if (!holder) throw new Error(`nobody leads: ${text}`);
    return holder;
  });
}

it('goes on under the other controller when the leader is killed', async () => {
  const first = await leader();
  await lab.kill('control', first, 'KILL');
  await cluster.apply(loadBalancerService('after', 'web'));
  await cluster.address('after', 40);
  expect(await leader()).not.toBe(first);
  await lab.start('control', first);
});

it('lets a leader that was paused and woken do no harm', async () => {
  const paused = await leader();
  await lab.kill('control', paused, 'STOP');
  await eventually(async () => expect(await leader()).not.toBe(paused), 40);
  const address = await cluster.address('after');
  await cluster.kubectl(['delete', 'service', 'after', '--timeout=40s']);
  await cluster.apply(loadBalancerService('newer', 'web', { loadBalancerIP: address }));
  expect(await cluster.address('newer', 20)).toBe(address);

  const before = (await cluster.service('newer')).metadata.resourceVersion;
  await lab.kill('control', paused, 'CONT');
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
  expect((await cluster.service('newer')).metadata.resourceVersion).toBe(before);
  expect(await leader()).not.toBe(paused);
});
