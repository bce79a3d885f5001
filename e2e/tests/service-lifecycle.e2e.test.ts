import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';

const FINALIZER = 'fairlead.dev/load-balancer';

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({
    name: `service-life-${process.pid}`,
    kubernetes: kubernetes({ restartControllers: true }),
  });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 2));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

const curl = (address: string, port = 80) =>
  lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}:${port}/`]);

async function serve(name: string, spec: Record<string, unknown> = {}): Promise<string> {
  await cluster.apply(loadBalancerService(name, 'web', spec));
  const address = await cluster.address(name);
  await eventually(() => curl(address));
  return address;
}

/** Nothing on the Service speaks of us, and nobody answers at its address. */
async function untilReleased(name: string, address: string): Promise<void> {
  await eventually(async () => {
    const { metadata, status } = await cluster.service(name);
    const ours = (status.conditions ?? []).filter(({ type }) => type.startsWith('fairlead.dev/'));
    if (metadata.finalizers?.includes(FINALIZER) || ours.length > 0 || (status.loadBalancer.ingress ?? []).length > 0) {
      throw new Error(`${name} is not released: ${JSON.stringify({ metadata, status })}`);
    }
  });
  await eventually(async () => {
    if ((await lab.exec('client', ['curl', '-sf', '-m', '1', `http://${address}/`])).code === 0)
      throw new Error('served');
  });
}

it('a type goes to and fro: everything of ours goes with it, and comes again', async () => {
  const address = await serve('types');
  for (const type of ['NodePort', 'ClusterIP']) {
    await cluster.apply(loadBalancerService('types', 'web', { type }));
    await untilReleased('types', address);
    await cluster.apply(loadBalancerService('types', 'web', { loadBalancerIP: address }));
    expect(await cluster.address('types')).toBe(address);
    await eventually(() => curl(address));
  }
});

it('a class is given up with the type; a Service of another class is not touched, status included', async () => {
  const address = await serve('classes', { loadBalancerClass: 'fairlead.dev/haproxy' });
  const other = { type: 'ClusterIP' };
  await cluster.apply(loadBalancerService('classes', 'web', other));
  await untilReleased('classes', address);
  await cluster.apply(loadBalancerService('classes', 'web', { loadBalancerClass: 'example.com/other' }));
  const status = { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } };
  await cluster.kubectl([
    'patch',
    'service',
    'classes',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ]);
  // What came later has been worked on.
  await serve('after-classes');
  const left = await cluster.service('classes');
  expect(left.status.loadBalancer.ingress).toMatchObject([{ ip: '203.0.113.7' }]);
  expect(left.metadata.finalizers ?? []).not.toContain(FINALIZER);
});

it('deleted and made again under its name it is another Service', async () => {
  const address = await serve('again');
  const { metadata } = await cluster.service('again');
  for (let round = 0; round < 5; round++) {
    await cluster.kubectl(['delete', 'service', 'again', '--timeout=20s']);
    await cluster.apply(loadBalancerService('again', 'web', { loadBalancerIP: address }));
  }
  expect(await cluster.address('again', 20)).toBe(address);
  await eventually(() => curl(address));
  expect((await cluster.service('again')).metadata.uid).not.toBe(metadata.uid);
  const held = (await lab.fairlead(['get', 'services'])).split('\n').filter((line) => / again /.test(line));
  expect(held).toHaveLength(1);
});

it('a finalizer of somebody else keeps the Service, not its address', async () => {
  const address = await serve('held');
  await cluster.kubectl([
    'patch',
    'service',
    'held',
    '--type=merge',
    '-p',
    JSON.stringify({ metadata: { finalizers: [FINALIZER, 'example.com/held'] } }),
  ]);
  await cluster.kubectl(['delete', 'service', 'held', '--wait=false']);
  await untilReleased('held', address);
  expect((await cluster.service('held')).metadata.finalizers).toEqual(['example.com/held']);
  await serve('heir', { loadBalancerIP: address });
  expect(await cluster.address('heir')).toBe(address);
  await cluster.kubectl(['patch', 'service', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
});

it('a forged status is corrected, and told once however often it is done', async () => {
  const address = await serve('forged');
  for (const ingress of [[{ ip: '203.0.113.9' }], [], [{ ip: address, ipMode: 'VIP' }]]) {
    const patch = JSON.stringify({ status: { loadBalancer: { ingress } } });
    await cluster.kubectl(['patch', 'service', 'forged', '--subresource=status', '--type=merge', '-p', patch]);
    await eventually(async () => {
      const { status } = await cluster.service('forged');
      expect(status.loadBalancer.ingress).toMatchObject([{ ip: address, ipMode: 'Proxy', ports: [{ port: 80 }] }]);
    });
  }
  await eventually(async () => {
    const told = (await cluster.events('forged')).filter(({ reason }) => reason === 'StatusCorrected');
    expect(told).toMatchObject([{ type: 'Warning', message: expect.stringContaining(`corrected to ${address}`) }]);
  });
});

it('a port that cannot be served is marked in the status; the others go on, and the reason says what to do', async () => {
  const http = { name: 'http', port: 80, targetPort: 'http' };
  const address = await serve('ports', { ports: [http] });
  const sctp = { name: 'signal', port: 3868, targetPort: 3868, protocol: 'SCTP' };
  await cluster.apply(loadBalancerService('ports', 'web', { ports: [http, sctp] }));
  const condition = await cluster.condition('ports', 'Accepted', 'False');
  expect(condition.message).toMatch(
    /^spec\.ports\[1\]\.protocol: "SCTP" .*What was served before this change goes on\.$/,
  );
  const { status } = await cluster.service('ports');
  expect(status.loadBalancer.ingress).toMatchObject([
    {
      ip: address,
      ports: [
        { port: 80, protocol: 'TCP' },
        { port: 3868, protocol: 'SCTP', error: expect.stringContaining('fairlead.dev/') },
      ],
    },
  ]);
  expect(
    (status.loadBalancer.ingress as unknown as { ports: { error?: string }[] }[])[0]!.ports[0]!.error,
  ).toBeUndefined();
  await curl(address);
  await eventually(async () => {
    const warnings = (await cluster.events('ports')).filter(({ type }) => type === 'Warning');
    expect(warnings.map(({ message }) => message)).toContain(condition.message);
  });
  await cluster.apply(loadBalancerService('ports', 'web', { ports: [http] }));
  await cluster.condition('ports', 'Accepted', 'True');
});

it('an unchanged Service costs no write, whatever restarts', async () => {
  const writes = async (): Promise<number> => {
    const metrics = await cluster.kubectl(['get', '--raw', '/metrics']);
    const rows = metrics.matchAll(/^apiserver_request_total\{([^}]*)\} (\d+)$/gm);
    return [...rows]
      .filter(([, labels]) => /resource="services"/.test(labels!) && /verb="(PATCH|PUT|APPLY|UPDATE)"/.test(labels!))
      .reduce((sum, [, , count]) => sum + Number(count), 0);
  };
  const texts = async (): Promise<string> =>
    cluster.kubectl([
      'get',
      'services',
      '-o',
      'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}',
    ]);
  await serve('still');
  await sleep(1_500);
  const before = { writes: await writes(), versions: await texts() };
  const generation = (await lab.fairlead(['get', 'machines', '-o', 'wide'])).match(/\d+\/\d+/)?.[0];
  expect(generation).toBeDefined();
  const ready = (): Promise<void> =>
    eventually(async () => {
      const shown = await lab.fairlead(['get', 'clusters,machines', '-o', 'wide']);
      if (/NotConnected|Behind/.test(shown)) throw new Error(shown);
    }, 30);
  for (const restart of [
    () => lab.kill('control', 'controller-1'),
    () =>
      lab.kill(lab.site.cloudagent.name, 'cloudagent').then(() => lab.start(lab.site.cloudagent.name, 'cloudagent')),
    ...lab.site.machines.map(
      ({ name }) =>
        () =>
          lab.kill(name, 'lbagent').then(() => lab.start(name, 'lbagent')),
    ),
  ]) {
    await restart();
    await sleep(500);
    await ready();
  }
  await sleep(2_000);
  expect({ writes: await writes(), versions: await texts() }).toEqual(before);
});
