import { expect, it } from 'vitest';
import { eventually } from '../test/loopback.ts';
import { createNode, setEndpoints } from '../test/rig.ts';
import { pause, reasons, stageForTests } from '../test/stage.ts';

const stage = stageForTests();

it('takes the finalizer off last of all', async () => {
  const seen: Record<string, unknown> = {};
  stage.rig.fake.beforeDelete = async () => {
    await pause(200);
    seen['delete'] = (await stage.service.get('front'))!.metadata.finalizers;
  };
  stage.rig.startController();
  await stage.service.create('front');
  await stage.service.served('front');
  await stage.service.remove('front');
  await stage.service.gone('front');
  expect(seen).toEqual({ delete: ['fairlead.dev/load-balancer'] });
  expect(stage.rig.fake.loadBalancers.size).toBe(0);
  expect(await reasons(stage, 'front', 4)).toEqual([
    'DeletedLoadBalancer',
    'DeletingLoadBalancer',
    'EnsuredLoadBalancer',
    'EnsuringLoadBalancer',
  ]);
});

it('takes everything of ours away when the type changes, and gives it back when it changes again', async () => {
  stage.rig.startController();
  const { metadata } = await stage.service.create('front');
  await stage.service.served('front');
  await stage.service.patch('front', { spec: { type: 'ClusterIP', loadBalancerClass: null } });
  const released = await eventually('the finalizer is off', async () => {
    const found = await stage.service.get('front');
    return found?.metadata.finalizers === undefined && found;
  });
  expect(released.status).toEqual({ loadBalancer: {} });
  expect(stage.rig.fake.loadBalancers.has(metadata.uid)).toBe(false);
  await stage.service.patch('front', { spec: { type: 'LoadBalancer', loadBalancerClass: 'fairlead.dev/haproxy' } });
  await stage.service.served('front');
});

it('does not touch Services of another class, nor classless ones unless it is the default', async () => {
  const controller = stage.rig.startController();
  await stage.service.create('other', { loadBalancerClass: 'example.com/lb' });
  await stage.service.create('classless', { loadBalancerClass: undefined });
  await stage.service.create('ours');
  await stage.service.served('ours');
  for (const name of ['other', 'classless']) {
    const found = (await stage.service.get(name))!;
    expect(found.metadata.finalizers).toBeUndefined();
    expect(found.status).toEqual({ loadBalancer: {} });
  }
  await controller.stop();
  stage.rig.startController({ defaultClass: true });
  await stage.service.served('classless');
  expect((await stage.service.get('other'))!.status).toEqual({ loadBalancer: {} });
});

it('knows a Service that was made anew under its old name from the one that is gone', async () => {
  stage.rig.startController();
  const seen = new Set<string>();
  for (let round = 0; round < 15; round++) {
    const { metadata } = await stage.service.create('front');
    if (round % 3 !== 0) await stage.service.served('front');
    seen.add(metadata.uid);
    await stage.service.remove('front');
    await stage.service.gone('front');
  }
  const { metadata } = await stage.service.create('front');
  await stage.service.served('front');
  expect([...stage.rig.fake.loadBalancers.keys()]).toEqual([metadata.uid]);
  expect(seen.has(metadata.uid)).toBe(false);
});

it('sends policy Local only to nodes with ready pods, as they move, and says once that client addresses are hidden', async () => {
  const controller = stage.rig.startController();
  await createNode(stage.rig.admin, 'node-2', '10.1.0.2');
  const { metadata } = await stage.service.create('front', { externalTrafficPolicy: 'Local' });
  await stage.service.served('front');
  const nodes = (): unknown => {
    const [port] = stage.rig.fake.loadBalancers.get(metadata.uid)!.ports;
    return port!.target.kind === 'node-port' && port!.target.nodes;
  };
  expect(nodes()).toEqual([]);
  await setEndpoints(stage.rig.admin, 'front', ['node-2']);
  await eventually('the nodes are told', () => String(nodes()) === 'node-2');
  expect(stage.rig.fake.loadBalancers.get(metadata.uid)!.ports[0]!.check).toMatchObject({
    kind: 'http',
    path: '/healthz',
  });
  await setEndpoints(stage.rig.admin, 'front', ['node-1', 'node-2']);
  await eventually('the nodes are told', () => String(nodes()) === 'node-1,node-2');
  expect(await reasons(stage, 'front', 3)).toEqual([
    'ClientAddressHidden',
    'EnsuredLoadBalancer',
    'EnsuringLoadBalancer',
  ]);
  await controller.stop();
  stage.rig.startController();
  await eventually('the next session', () => stage.rig.fake.count('openSession') === 2);
  await pause(300);
  const events = await stage.service.events('front');
  expect(events.map(({ reason, count }) => `${reason} ${count}`).sort()).toEqual([
    'ClientAddressHidden 1',
    'EnsuredLoadBalancer 1',
    'EnsuringLoadBalancer 1',
  ]);
});

it('tells a change of nodes once, however many Services use them, and heartbeats not at all', async () => {
  stage.rig.startController();
  for (const name of ['a', 'b', 'c']) await stage.service.create(name);
  for (const name of ['a', 'b', 'c']) await stage.service.served(name);
  const [synced, ensured] = [stage.rig.fake.count('syncNodes'), stage.rig.fake.count('ensure')];
  await createNode(stage.rig.admin, 'node-2', '10.1.0.2', {
    labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' },
  });
  await eventually('node-2 is told', () => stage.rig.fake.nodes.get('node-2')?.addresses.length === 1);
  expect(stage.rig.fake.nodes.get('node-2')!.eligible).toBe(false);
  const after = stage.rig.fake.count('syncNodes');
  expect(after - synced).toBeLessThanOrEqual(2);
  for (let beat = 0; beat < 5; beat++) {
    await stage.rig.admin.request({
      method: 'PATCH',
      path: '/api/v1/nodes/node-2/status',
      body: { status: { conditions: [{ type: 'Ready', status: beat % 2 ? 'True' : 'False' }] } },
      contentType: 'application/merge-patch+json',
    });
  }
  await pause(300);
  expect(stage.rig.fake.count('syncNodes')).toBe(after);
  expect(stage.rig.fake.count('ensure')).toBe(ensured);
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
  stage.rig.fake.hold({ ...orphan, id: 'gone-1', namespace: 'default', name: 'gone' });
  stage.rig.fake.hold({ ...orphan, id: 'control-plane/prod', namespace: '', name: '' });
  await stage.service.create('front');
  stage.rig.startController();
  await stage.service.served('front');
  await eventually('the orphan is deleted', () => !stage.rig.fake.loadBalancers.has('gone-1'));
  await pause(200);
  expect(stage.rig.fake.loadBalancers.has('control-plane/prod')).toBe(true);
});

it('gives each Service a trace of its own, from the event to the cloudagent', async () => {
  stage.rig.startController();
  await stage.service.create('a');
  await stage.service.create('b');
  await stage.service.served('a');
  await stage.service.served('b');
  const traces = stage.rig.fake.calls.flatMap((call) => (call.method === 'ensure' ? [call.traceId] : []));
  expect(new Set(traces).size).toBe(2);
});

it('tells what it does in numbers', async () => {
  const controller = stage.rig.startController();
  await stage.service.create('front');
  await stage.service.served('front');
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
