import type { Program } from '@fairlead/testing';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startKubernetes, type Kubernetes } from '../test/kubernetes.ts';
import { eventually } from '../test/loopback.ts';
import { services, startRig, type Rig } from '../test/rig.ts';
import { spawnController } from '../test/spawn-controller.ts';
import { startTcpProxy, type TcpProxy } from '../test/tcp-proxy.ts';

let kubernetes: Kubernetes;
let rig: Rig;
let service: ReturnType<typeof services>;
const proxies: TcpProxy[] = [];
const processes: Program[] = [];

beforeAll(async () => {
  kubernetes = await startKubernetes();
  rig = await startRig(kubernetes);
  service = services(rig.admin);
});
afterEach(async () => {
  for (const child of processes.splice(0)) {
    child.signal('SIGKILL');
    await child.ended;
  }
  await rig.clean();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});
afterAll(async () => {
  await rig?.stop();
  await kubernetes?.stop();
});

async function proxied(): Promise<TcpProxy> {
  const proxy = await startTcpProxy(kubernetes.port);
  proxies.push(proxy);
  return proxy;
}

async function holder(): Promise<string> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/fairlead-system/leases/fairlead-controller';
  const lease = await rig.admin.request({ method: 'GET', path }).catch(() => undefined);
  return (lease as { spec?: { holderIdentity?: string } } | undefined)?.spec?.holderIdentity ?? '';
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const PATIENT = { leaseMs: 20_000, renewDeadlineMs: 15_000, retryMs: 300 };

it('goes on after every connection to the API server was reset, again and again', async () => {
  const proxy = await proxied();
  rig.startController({ port: proxy.port, times: PATIENT });
  await service.create('before');
  await service.served('before');
  for (let round = 0; round < 10; round++) {
    proxy.reset();
    await pause(50);
  }
  await service.create('after');
  await service.served('after');
  expect(rig.fake.count('openSession')).toBe(1);
});

it('notices a network that swallows everything, and catches up when it is back', async () => {
  const proxy = await proxied();
  const controller = rig.startController({ port: proxy.port, times: PATIENT, watchIdleMs: 1_000 });
  await service.create('before');
  await service.served('before');
  proxy.mode = 'silent';
  await service.create('meanwhile');
  await service.remove('before');
  await eventually(
    'the silence is noticed',
    () => controller.log.some((line) => line.includes('nothing heard')),
    5_000,
  );
  proxy.mode = 'pass';
  proxy.reset();
  await service.served('meanwhile');
  await service.gone('before');
  expect(rig.fake.loadBalancers.size).toBe(1);
});

it('goes on when the API server was killed and started again', async () => {
  rig.startController({ times: PATIENT });
  await service.create('before');
  await service.served('before');
  await kubernetes.restartApiServer();
  await service.create('after');
  await service.served('after');
  await service.remove('before');
  await service.gone('before');
  expect(rig.fake.loadBalancers.size).toBe(1);
});

it('lets one of two lead, and the other go on at once when the first retires', async () => {
  const first = rig.startController({ identity: 'first' });
  await eventually('the first leads', async () => (await holder()) === 'first');
  rig.startController({ identity: 'second' });
  await service.create('a');
  await service.served('a');
  expect(rig.fake.count('openSession')).toBe(1);
  const began = performance.now();
  await first.stop();
  await service.create('b');
  await service.served('b');
  expect(await holder()).toBe('second');
  expect(performance.now() - began).toBeLessThan(2_000);
});

it('lets the other go on when the first was killed, after its lease', async () => {
  const first = rig.startController({ identity: 'first' });
  await eventually('the first leads', async () => (await holder()) === 'first');
  rig.startController({ identity: 'second' });
  await first.kill();
  await service.create('a');
  await service.served('a');
  expect(await holder()).toBe('second');
});

it('stops at once when it cannot renew its lease', async () => {
  const proxy = await proxied();
  const controller = rig.startController({ port: proxy.port });
  await eventually('it leads', async () => (await holder()) === 'one');
  proxy.mode = 'silent';
  await eventually('it knows', () => controller.lost.length > 0, 5_000);
  expect(controller.lost).toEqual(['the lease could not be renewed for 1500 ms']);
});

it('does no harm when it led, was stopped, and is woken after another has taken over', async () => {
  const times = { leaseMs: 2_000, renewDeadlineMs: 1_500, retryMs: 200 };
  const old = spawnController({
    kubeConfig: kubernetes.kubeConfigText('controller'),
    cloudagent: rig.cloudagent,
    identity: 'old',
    times,
  });
  processes.push(old);
  await service.create('front');
  await service.served('front');
  expect(await holder()).toBe('old');
  old.signal('SIGSTOP');
  rig.startController({ identity: 'new' });
  await eventually('the new one leads', async () => (await holder()) === 'new');
  // The old one would want to undo this: in its memory the Service has its old port.
  await service.patch('front', { spec: { ports: [{ name: 'https', port: 443 }] } });
  await eventually('the change is told', () => [...rig.fake.loadBalancers.values()][0]?.ports[0]?.port === 443);
  await pause(300);
  const [version, sessions] = [(await service.get('front'))!.metadata.resourceVersion, rig.fake.count('openSession')];
  old.signal('SIGCONT');
  expect(await old.ended).toBe(1);
  expect(old.output()).toContain('the lease could not be renewed');
  await pause(300);
  expect((await service.get('front'))!.metadata.resourceVersion).toBe(version);
  expect(rig.fake.count('openSession')).toBe(sessions);
  expect([...rig.fake.loadBalancers.values()][0]!.ports[0]!.port).toBe(443);
});

it('stands back when another session was opened for its cluster, and tries again later', async () => {
  const controller = rig.startController();
  await service.create('a');
  await service.served('a');
  // As a controller of another cluster that was given the same name by mistake would.
  rig.fake.session++;
  await service.create('b');
  await eventually('it has noticed', () => controller.log.some((line) => line.includes('superseded')));
  const calls = rig.fake.calls.length;
  await pause(1_500);
  expect(rig.fake.calls.length).toBe(calls);
  await eventually('it has tried again', () => rig.fake.count('openSession') === 2, 10_000);
  await service.served('b');
});

it('gives a new Service a word while the cloudagent is away, and leaves the others as they are', async () => {
  rig.startController();
  await service.create('a');
  const before = await service.served('a');
  rig.fake.available = false;
  rig.fake.cutWatches();
  await service.create('b', { loadBalancerIP: 'x' });
  await eventually('a word', async () => (await service.get('b'))?.status.conditions?.[0]?.status === 'False');
  expect((await service.get('a'))!.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  rig.fake.available = true;
  await service.create('c');
  await service.served('c');
});
