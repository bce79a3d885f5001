import { afterAll, beforeAll, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({ name: `bad-input-${process.pid}`, kubernetes: kubernetes() });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 1), loadBalancerService('good', 'web'));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

function annotated(name: string, annotations: Record<string, string>): unknown {
  const service = loadBalancerService(name, 'web') as { metadata: object };
  return { ...service, metadata: { ...service.metadata, annotations } };
}

const REFUSED: ReadonlyArray<readonly [string, (name: string) => unknown, RegExp]> = [
  ['an annotation of ours that does not exist', (n) => annotated(n, { 'fairlead.dev/pol': 'x' }), /fairlead\.dev\/pol/],
  [
    'an address outside every pool',
    (n) => loadBalancerService(n, 'web', { loadBalancerIP: '10.99.0.1' }),
    /10\.99\.0\.1/,
  ],
  ['an address of another family', (n) => loadBalancerService(n, 'web', { loadBalancerIP: 'fd00::1' }), /fd00::1/],
  [
    'a protocol that is not served',
    (n) => loadBalancerService(n, 'web', { ports: [{ port: 53, protocol: 'SCTP' }] }),
    /SCTP/,
  ],
];

it.each(REFUSED)('a Service with %s is refused in condition and event, by name', async (_what, service, naming) => {
  const name = `bad-${REFUSED.findIndex((row) => row[0] === _what)}`;
  await cluster.apply(service(name));
  const conditions = await eventually(async () => {
    const all = (await cluster.service(name)).status.conditions ?? [];
    const bad = all.filter(({ status }) => status === 'False');
    expect(bad.map(({ message }) => message).join(' ')).toMatch(naming);
    return all;
  });
  expect(conditions.length).toBeGreaterThan(0);
  await eventually(async () => {
    const warnings = (await cluster.events(name)).filter(({ type }) => type === 'Warning');
    expect(warnings.map(({ message }) => message).join(' ')).toMatch(naming);
  });
  expect((await cluster.service(name)).status.loadBalancer.ingress ?? []).toEqual([]);
});

it('an address that somebody holds is refused with the name of the holder', async () => {
  const address = await cluster.address('good');
  await cluster.apply(loadBalancerService('thief', 'web', { loadBalancerIP: address }));
  const { message } = await cluster.condition('thief', 'AddressAllocated', 'False');
  expect(message).toContain('good');
  await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
});

it('the others are served meanwhile', async () => {
  await cluster.apply(loadBalancerService('meanwhile', 'web'));
  const address = await cluster.address('meanwhile');
  expect(await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`])).toContain('web-');
});

it('a site document is refused with all that is wrong with it, by line, and nothing of it is applied', async () => {
  const stdin = `apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: overlapping}
spec:
  network: lan
  ranges: [10.9.100.5-10.9.100.9, 10.9.101.7/24]
  colour: blue
`;
  const applied = await lab.exec('cloudagent', await fairleadArgv(['apply', '-f', '-']), { stdin });
  expect(applied.code).toBe(1);
  expect(applied.stderr).toMatch(/line 6|:6/);
  expect(applied.stderr).toMatch(/host bits/);
  expect(applied.stderr).toMatch(/colour/);
  expect(await lab.fairlead(['get', 'vippools'])).not.toContain('overlapping');
});

it('a join token is good once, and only for those it was made for', async () => {
  const join = (directory: string) => [process.execPath, lab.apps.lbagent, 'join', '--pki-dir', `/run/${directory}`];
  const foreign = await lab.fairlead(['tokens', 'create', 'controller', lab.site.cluster.name]);
  const refused = await lab.exec('lb-1', join('foreign'), { stdin: foreign });
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/controller.*fairlead machines add/);

  const token = await lab.fairlead(['tokens', 'create', 'lbagent', 'lb-1']);
  await lab.must('lb-1', join('first'), { stdin: token });
  const again = await lab.exec('lb-1', join('second'), { stdin: token });
  expect(again.code).not.toBe(0);
  expect(again.stderr).toMatch(/used/);
});

async function fairleadArgv(argv: string[]): Promise<string[]> {
  return [process.execPath, lab.apps.fairlead, '--socket', '/run/fairlead/admin.sock', ...argv];
}
