import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { startKubernetes, type Kubernetes } from '../test/kubernetes.ts';
import { eventually } from '../test/loopback.ts';
import { PENDING, SERVING } from '../test/fake-cloudagent.ts';
import { createNode, services, setEndpoints, startRig, type RawService, type Rig } from '../test/rig.ts';

let kubernetes: Kubernetes;
let rig: Rig;
let service: ReturnType<typeof services>;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  rig = await startRig(kubernetes);
  service = services(rig.admin);
});
beforeEach(async () => {
  await createNode(rig.admin, 'node-1', '10.1.0.1');
});
afterEach(async () => {
  await rig.clean();
});
afterAll(async () => {
  await rig?.stop();
  await kubernetes?.stop();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function conditions(found: RawService): Record<string, string> {
  return Object.fromEntries(
    (found.status.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );
}

/** The reasons of a Service's events, once there are so many. */
async function reasons(name: string, count: number): Promise<string[]> {
  return eventually(`${count} events of ${name}`, async () => {
    const found = await service.events(name);
    return found.length >= count && found.map(({ reason }) => reason).sort();
  });
}

it('publishes the address that serves, with its mode and ports, and says so in conditions and events', async () => {
  rig.startController();
  await service.create('front', {
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ],
  });
  const front = await service.served('front');
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
  expect(await reasons('front', 2)).toEqual(['EnsuredLoadBalancer', 'EnsuringLoadBalancer']);
});

it('writes a new Service once: status and finalizer together', async () => {
  rig.startController();
  await eventually('a session', () => rig.fake.count('watchStatus') === 1);
  const writes: unknown[] = [];
  await rig.watchServices((object) => writes.push(object));
  await service.create('front');
  await service.served('front');
  await pause(1_500);
  // Made, told.
  expect(writes).toHaveLength(2);
  expect((await service.get('front'))!.metadata.finalizers).toEqual(['fairlead.dev/load-balancer']);
});

it('does not publish an address before machines serve it, and says what is waited for', async () => {
  rig.fake.onEnsure = () => 'pending';
  rig.startController();
  const { metadata } = await service.create('front');
  const waiting = await eventually('a word', async () => {
    const found = await service.get('front');
    return found?.status.conditions && found;
  });
  expect(waiting.status.loadBalancer.ingress).toBeUndefined();
  expect(conditions(waiting)).toMatchObject({
    'fairlead.dev/AddressAllocated': 'True Allocated',
    'fairlead.dev/Programmed': 'False Pending',
  });
  rig.fake.setStatus(metadata.uid, { state: SERVING });
  expect(conditions(await service.served('front'))).toMatchObject({ 'fairlead.dev/Programmed': 'True Serving' });
  // Trouble afterwards takes nothing back.
  rig.fake.setStatus(metadata.uid, { state: PENDING, message: 'a machine is away' });
  await pause(300);
  expect((await service.get('front'))!.status.loadBalancer.ingress).toHaveLength(1);
});

it('takes the finalizer off last of all', async () => {
  const seen: Record<string, unknown> = {};
  rig.fake.beforeDelete = async () => {
    await pause(200);
    seen['delete'] = (await service.get('front'))!.metadata.finalizers;
  };
  rig.startController();
  await service.create('front');
  await service.served('front');
  await service.remove('front');
  await service.gone('front');
  expect(seen).toEqual({ delete: ['fairlead.dev/load-balancer'] });
  expect(rig.fake.loadBalancers.size).toBe(0);
  expect(await reasons('front', 4)).toEqual([
    'DeletedLoadBalancer',
    'DeletingLoadBalancer',
    'EnsuredLoadBalancer',
    'EnsuringLoadBalancer',
  ]);
});

it('never writes a Service that is as it should be: not after a restart, a new session, or other news', async () => {
  const first = rig.startController();
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) await service.create(name);
  for (const name of names) await service.served(name);
  await pause(200);
  expect(first.writes).toHaveLength(names.length);
  const versions = async (): Promise<string[]> =>
    Promise.all(names.map(async (name) => (await service.get(name))!.metadata.resourceVersion));
  const before = await versions();

  rig.fake.cutWatches();
  await eventually('another session', () => rig.fake.count('openSession') === 2 && rig.fake.count('ensure') === 10);
  await first.stop();
  const second = rig.startController();
  await eventually('a third session', () => rig.fake.count('openSession') === 3 && rig.fake.count('ensure') === 15);
  await createNode(rig.admin, 'node-2', '10.1.0.2');
  await setEndpoints(rig.admin, 'a', ['node-2']);
  for (const { id } of rig.fake.loadBalancers.values()) rig.fake.setStatus(id, { message: 'one machine is away' });
  await pause(1_500);
  expect(await versions()).toEqual(before);
  expect(first.writes).toHaveLength(names.length);
  expect(second.writes).toEqual([]);
});

it('takes everything of ours away when the type changes, and gives it back when it changes again', async () => {
  rig.startController();
  const { metadata } = await service.create('front');
  await service.served('front');
  await service.patch('front', { spec: { type: 'ClusterIP', loadBalancerClass: null } });
  const released = await eventually('the finalizer is off', async () => {
    const found = await service.get('front');
    return found?.metadata.finalizers === undefined && found;
  });
  expect(released.status).toEqual({ loadBalancer: {} });
  expect(rig.fake.loadBalancers.has(metadata.uid)).toBe(false);
  await service.patch('front', { spec: { type: 'LoadBalancer', loadBalancerClass: 'fairlead.dev/haproxy' } });
  await service.served('front');
});

it('does not touch Services of another class, nor classless ones unless it is the default', async () => {
  const controller = rig.startController();
  await service.create('other', { loadBalancerClass: 'example.com/lb' });
  await service.create('classless', { loadBalancerClass: undefined });
  await service.create('ours');
  await service.served('ours');
  for (const name of ['other', 'classless']) {
    const found = (await service.get(name))!;
    expect(found.metadata.finalizers).toBeUndefined();
    expect(found.status).toEqual({ loadBalancer: {} });
  }
  await controller.stop();
  rig.startController({ defaultClass: true });
  await service.served('classless');
  expect((await service.get('other'))!.status).toEqual({ loadBalancer: {} });
});

it('knows a Service that was made anew under its old name from the one that is gone', async () => {
  rig.startController();
  const seen = new Set<string>();
  for (let round = 0; round < 15; round++) {
    const { metadata } = await service.create('front');
    if (round % 3 !== 0) await service.served('front');
    seen.add(metadata.uid);
    await service.remove('front');
    await service.gone('front');
  }
  const { metadata } = await service.create('front');
  await service.served('front');
  expect([...rig.fake.loadBalancers.keys()]).toEqual([metadata.uid]);
  expect(seen.has(metadata.uid)).toBe(false);
});

it('corrects a status that somebody else wrote', async () => {
  rig.startController();
  await service.create('front');
  const honest = (await service.served('front')).status.loadBalancer;
  await service.patch('front', { status: { loadBalancer: { ingress: [{ ip: '203.0.113.66' }] } } }, '/status');
  await eventually('it is corrected', async () => {
    const { ingress } = (await service.get('front'))!.status.loadBalancer;
    return ingress?.[0]?.ip === honest.ingress![0]!.ip;
  });
  expect((await service.get('front'))!.status.loadBalancer).toEqual(honest);
  expect(await reasons('front', 3)).toContain('StatusCorrected');
});

it('refuses what is not served by condition and event, makes nothing, and serves it once it is put right', async () => {
  rig.startController();
  const { metadata } = await service.create('front', { loadBalancerIP: 'x' });
  const refused = await eventually('a word', async () => {
    const found = await service.get('front');
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
  expect(rig.fake.loadBalancers.has(metadata.uid)).toBe(false);
  const [event] = await eventually('an event', async () => {
    const found = await service.events('front');
    return found.length > 0 && found;
  });
  expect(event).toMatchObject({
    type: 'Warning',
    reason: 'SyncLoadBalancerFailed',
    message: expect.stringContaining('spec.loadBalancerIP'),
  });
  await service.patch('front', { spec: { loadBalancerIP: null } });
  await service.served('front');
});

it('keeps serving what it served when a change is refused', async () => {
  rig.startController();
  await service.create('front');
  const before = (await service.served('front')).status.loadBalancer.ingress!;
  await service.patch('front', { metadata: { annotations: { 'fairlead.dev/proxi-protocol': 'v2' } } });
  const refused = await eventually('it is refused', async () => {
    const found = (await service.get('front'))!;
    return conditions(found)['fairlead.dev/Accepted'] === 'False UnknownAnnotation' && found;
  });
  expect(refused.status.loadBalancer.ingress).toEqual(before);
  expect(refused.status.conditions![0]!.message).toContain('did you mean fairlead.dev/proxy-protocol?');
  expect(conditions(refused)['fairlead.dev/Programmed']).toBe('True Serving');
  expect(rig.fake.loadBalancers.size).toBe(1);
});

it('tells of an exhausted pool, and publishes at once when an address is freed', async () => {
  const exhausted = { reason: 'POOL_EXHAUSTED', field: '', message: 'no free IPv4 address: pool default is full' };
  rig.fake.onEnsure = () => exhausted;
  rig.startController();
  const { metadata } = await service.create('front');
  const refused = await eventually('a word', async () => {
    const found = await service.get('front');
    return found?.status.conditions && found;
  });
  expect(conditions(refused)).toEqual({
    'fairlead.dev/Accepted': 'True Accepted',
    'fairlead.dev/AddressAllocated': 'False PoolExhausted',
    'fairlead.dev/Programmed': 'False NoAddress',
  });
  expect(await reasons('front', 2)).toContain('AllocationFailed');
  rig.fake.onEnsure = () => 'serving';
  rig.fake.setStatus(metadata.uid, { state: PENDING, refusal: null, addresses: ['192.0.2.200'] });
  expect((await service.served('front')).status.loadBalancer.ingress![0]!.ip).toBe('192.0.2.200');
});

it('sends policy Local only to nodes with ready pods, as they move, and says once that client addresses are hidden', async () => {
  const controller = rig.startController();
  await createNode(rig.admin, 'node-2', '10.1.0.2');
  const { metadata } = await service.create('front', { externalTrafficPolicy: 'Local' });
  await service.served('front');
  const nodes = (): unknown => {
    const [port] = rig.fake.loadBalancers.get(metadata.uid)!.ports;
    return port!.target.kind === 'node-port' && port!.target.nodes;
  };
  expect(nodes()).toEqual([]);
  await setEndpoints(rig.admin, 'front', ['node-2']);
  await eventually('the nodes are told', () => String(nodes()) === 'node-2');
  expect(rig.fake.loadBalancers.get(metadata.uid)!.ports[0]!.check).toMatchObject({ kind: 'http', path: '/healthz' });
  await setEndpoints(rig.admin, 'front', ['node-1', 'node-2']);
  await eventually('the nodes are told', () => String(nodes()) === 'node-1,node-2');
  expect(await reasons('front', 3)).toEqual(['ClientAddressHidden', 'EnsuredLoadBalancer', 'EnsuringLoadBalancer']);
  await controller.stop();
  rig.startController();
  await eventually('the next session', () => rig.fake.count('openSession') === 2);
  await pause(300);
  const events = await service.events('front');
  expect(events.map(({ reason, count }) => `${reason} ${count}`).sort()).toEqual([
    'ClientAddressHidden 1',
    'EnsuredLoadBalancer 1',
    'EnsuringLoadBalancer 1',
  ]);
});

it('tells a change of nodes once, however many Services use them, and heartbeats not at all', async () => {
  rig.startController();
  for (const name of ['a', 'b', 'c']) await service.create(name);
  for (const name of ['a', 'b', 'c']) await service.served(name);
  const [synced, ensured] = [rig.fake.count('syncNodes'), rig.fake.count('ensure')];
  await createNode(rig.admin, 'node-2', '10.1.0.2', {
    labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' },
  });
  await eventually('node-2 is told', () => rig.fake.nodes.get('node-2')?.addresses.length === 1);
  expect(rig.fake.nodes.get('node-2')!.eligible).toBe(false);
  const after = rig.fake.count('syncNodes');
  expect(after - synced).toBeLessThanOrEqual(2);
  for (let beat = 0; beat < 5; beat++) {
    await rig.admin.request({
      method: 'PATCH',
      path: '/api/v1/nodes/node-2/status',
      body: { status: { conditions: [{ type: 'Ready', status: beat % 2 ? 'True' : 'False' }] } },
      contentType: 'application/merge-patch+json',
    });
  }
  await pause(300);
  expect(rig.fake.count('syncNodes')).toBe(after);
  expect(rig.fake.count('ensure')).toBe(ensured);
});

it('deletes what the cloudagent holds for Services that are gone, and leaves the control plane alone', async () => {
  const orphan = {
    cluster: 'prod',
    wantedAddresses: [],
    families: ['ipv4'],
    ports: [],
    labels: {},
    namespaceLabels: {},
  } as const;
  rig.fake.hold({ ...orphan, id: 'gone-1', namespace: 'default', name: 'gone' });
  rig.fake.hold({ ...orphan, id: 'control-plane/prod', namespace: '', name: '' });
  await service.create('front');
  rig.startController();
  await service.served('front');
  await eventually('the orphan is deleted', () => !rig.fake.loadBalancers.has('gone-1'));
  await pause(200);
  expect(rig.fake.loadBalancers.has('control-plane/prod')).toBe(true);
});

it('gives each Service a trace of its own, from the event to the cloudagent', async () => {
  rig.startController();
  await service.create('a');
  await service.create('b');
  await service.served('a');
  await service.served('b');
  const traces = rig.fake.calls.flatMap((call) => (call.method === 'ensure' ? [call.traceId] : []));
  expect(new Set(traces).size).toBe(2);
});

it('tells what it does in numbers', async () => {
  const controller = rig.startController();
  await service.create('front');
  await service.served('front');
  const lines = async () => (await controller.registry.metrics()).split('\n');
  // The controller counts what it wrote when the API server has answered, which others hear of as early.
  await expect.poll(lines).toContain('fairlead_controller_publish_seconds_count 1');
  await expect.poll(lines).toContain('fairlead_controller_services{state="serving"} 1');
  const text = await lines();
  expect(text).toContain('fairlead_controller_leader 1');
  expect(text).toContain('fairlead_controller_session_open 1');
  expect(text).toContain('fairlead_controller_queue_depth{state="ready"} 0');
  expect(text.join('\n')).toMatch(/fairlead_controller_watch_age_seconds\{kind="services"\} \d/);
  expect(controller.problems()).toEqual([]);
});
