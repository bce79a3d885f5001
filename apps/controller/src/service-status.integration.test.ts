import { expect, it } from 'vitest';
import { PENDING, SERVING } from '../test/fake-cloudagent.ts';
import { eventually } from '../test/loopback.ts';
import { createNode, setEndpoints } from '../test/rig.ts';
import { conditions, pause, reasons, stageForTests } from '../test/stage.ts';

const stage = stageForTests();

it('publishes the address that serves, with its mode and ports, and says so in conditions and events', async () => {
  stage.rig.startController();
  await stage.service.create('front', {
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ],
  });
  const front = await stage.service.served('front');
  expect(front.status.loadBalancer.ingress).toEqual([
    {
      ip: expect.stringMatching(/^198\.18\.\d+\.\d+$/),
      ipMode: 'Proxy',
      ports: [
        { port: 80, protocol: 'TCP' },
        { port: 443, protocol: 'TCP' },
      ],
    },
  ]);
  expect(conditions(front)).toEqual({
    'fairlead.dev/Accepted': 'True Accepted',
    'fairlead.dev/AddressAllocated': 'True Allocated',
    'fairlead.dev/Programmed': 'True Serving',
  });
  expect(await reasons(stage, 'front', 2)).toEqual(['EnsuredLoadBalancer', 'EnsuringLoadBalancer']);
});

it('writes a new Service once: status and finalizer together', async () => {
  stage.rig.startController();
  await eventually('a session', () => stage.rig.fake.count('watchStatus') === 1);
  const writes: unknown[] = [];
  await stage.rig.watchServices((object) => writes.push(object));
  await stage.service.create('front');
  await stage.service.served('front');
  await pause(1_500);
  // Made, told.
  expect(writes).toHaveLength(2);
  expect((await stage.service.get('front'))!.metadata.finalizers).toEqual(['fairlead.dev/load-balancer']);
});

it('does not publish an address before machines serve it, and says what is waited for', async () => {
  stage.rig.fake.onEnsure = () => 'pending';
  stage.rig.startController();
  const { metadata } = await stage.service.create('front');
  const waiting = await eventually('a word', async () => {
    const found = await stage.service.get('front');
    return found?.status.conditions && found;
  });
  expect(waiting.status.loadBalancer.ingress).toBeUndefined();
  expect(conditions(waiting)).toMatchObject({
    'fairlead.dev/AddressAllocated': 'True Allocated',
    'fairlead.dev/Programmed': 'False Pending',
  });
  stage.rig.fake.setStatus(metadata.uid, { state: SERVING });
  expect(conditions(await stage.service.served('front'))).toMatchObject({ 'fairlead.dev/Programmed': 'True Serving' });
  // Trouble afterwards takes nothing back.
  stage.rig.fake.setStatus(metadata.uid, { state: PENDING, message: 'a machine is away' });
  await pause(300);
  expect((await stage.service.get('front'))!.status.loadBalancer.ingress).toHaveLength(1);
});

it('never writes a Service that is as it should be: not after a restart, a new session, or other news', async () => {
  const first = stage.rig.startController();
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) await stage.service.create(name);
  for (const name of names) await stage.service.served(name);
  await pause(200);
  expect(first.writes).toHaveLength(names.length);
  const versions = async (): Promise<string[]> =>
    Promise.all(names.map(async (name) => (await stage.service.get(name))!.metadata.resourceVersion));
  const before = await versions();

  stage.rig.fake.cutWatches();
  await eventually(
    'another session',
    () => stage.rig.fake.count('openSession') === 2 && stage.rig.fake.count('ensure') === 10,
  );
  await first.stop();
  const second = stage.rig.startController();
  await eventually(
    'a third session',
    () => stage.rig.fake.count('openSession') === 3 && stage.rig.fake.count('ensure') === 15,
  );
  await createNode(stage.rig.admin, 'node-2', '10.1.0.2');
  await setEndpoints(stage.rig.admin, 'a', ['node-2']);
  for (const { id } of stage.rig.fake.loadBalancers.values())
    stage.rig.fake.setStatus(id, { message: 'one machine is away' });
  await pause(1_500);
  expect(await versions()).toEqual(before);
  expect(first.writes).toHaveLength(names.length);
  expect(second.writes).toEqual([]);
});

it('corrects a status that somebody else wrote', async () => {
  stage.rig.startController();
  await stage.service.create('front');
  const honest = (await stage.service.served('front')).status.loadBalancer;
  await stage.service.patch('front', { status: { loadBalancer: { ingress: [{ ip: '203.0.113.66' }] } } }, '/status');
  await eventually('it is corrected', async () => {
    const { ingress } = (await stage.service.get('front'))!.status.loadBalancer;
    return ingress?.[0]?.ip === honest.ingress![0]!.ip;
  });
  expect((await stage.service.get('front'))!.status.loadBalancer).toEqual(honest);
  expect(await reasons(stage, 'front', 3)).toContain('StatusCorrected');
});

it('refuses what is not served by condition and event, makes nothing, and serves it once it is put right', async () => {
  stage.rig.startController();
  const { metadata } = await stage.service.create('front', { loadBalancerIP: 'x' });
  const refused = await eventually('a word', async () => {
    const found = await stage.service.get('front');
    return found?.status.conditions && found;
  });
  expect(refused.status.conditions).toMatchObject([
    {
      type: 'fairlead.dev/Accepted',
      status: 'False',
      reason: 'InvalidAddress',
      message: expect.stringContaining('spec.loadBalancerIP'),
    },
  ]);
  expect(refused.metadata.finalizers).toBeUndefined();
  expect(stage.rig.fake.loadBalancers.has(metadata.uid)).toBe(false);
  const [event] = await eventually('an event', async () => {
    const found = await stage.service.events('front');
    return found.length > 0 && found;
  });
  expect(event).toMatchObject({
    type: 'Warning',
    reason: 'SyncLoadBalancerFailed',
    message: expect.stringContaining('spec.loadBalancerIP'),
  });
  await stage.service.patch('front', { spec: { loadBalancerIP: null } });
  await stage.service.served('front');
});

it('keeps serving what it served when a change is refused', async () => {
  stage.rig.startController();
  await stage.service.create('front');
  const before = (await stage.service.served('front')).status.loadBalancer.ingress!;
  await stage.service.patch('front', { metadata: { annotations: { 'fairlead.dev/proxi-protocol': 'v2' } } });
  const refused = await eventually('it is refused', async () => {
    const found = (await stage.service.get('front'))!;
    return conditions(found)['fairlead.dev/Accepted'] === 'False UnknownAnnotation' && found;
  });
  expect(refused.status.loadBalancer.ingress).toEqual(before);
  expect(refused.status.conditions![0]!.message).toContain('did you mean fairlead.dev/proxy-protocol?');
  expect(conditions(refused)['fairlead.dev/Programmed']).toBe('True Serving');
  expect(stage.rig.fake.loadBalancers.size).toBe(1);
});

it('tells of an exhausted pool, and publishes at once when an address is freed', async () => {
  const exhausted = { reason: 'POOL_EXHAUSTED', field: '', message: 'no free IPv4 address: pool default is full' };
  stage.rig.fake.onEnsure = () => exhausted;
  stage.rig.startController();
  const { metadata } = await stage.service.create('front');
  const refused = await eventually('a word', async () => {
    const found = await stage.service.get('front');
    return found?.status.conditions && found;
  });
  expect(conditions(refused)).toEqual({
    'fairlead.dev/Accepted': 'True Accepted',
    'fairlead.dev/AddressAllocated': 'False PoolExhausted',
    'fairlead.dev/Programmed': 'False NoAddress',
  });
  expect(await reasons(stage, 'front', 2)).toContain('AllocationFailed');
  stage.rig.fake.onEnsure = () => 'serving';
  stage.rig.fake.setStatus(metadata.uid, { state: PENDING, refusal: null, addresses: ['192.0.2.200'] });
  expect((await stage.service.served('front')).status.loadBalancer.ingress![0]!.ip).toBe('192.0.2.200');
});
