import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { eventually } from './eventually.ts';
import { SERVED_AT, tracesOf } from './traces.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({
    name: `static-${process.pid}`,
    vipRanges: ['10.9.100.1-10.9.100.3'],
    staticLoadBalancers: ['web'],
  });
});
afterAll(async () => {
  await lab?.down();
});

interface Row {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly addresses?: readonly string[]; readonly state?: string; readonly message?: string };
}

async function loadBalancer(name: string): Promise<Row> {
  return JSON.parse(await lab.fairlead(['get', 'loadbalancer', name, '-o', 'json'])) as Row;
}

async function addressOf(name: string): Promise<string> {
  return eventually(async () => {
    const { status } = await loadBalancer(name);
    if (status?.state !== 'SERVING') throw new Error(`${name}: ${JSON.stringify(status)}`);
    return status.addresses![0]!;
  });
}

function manifest(name: string, spec: string): string {
  return `apiVersion: fairlead.dev/v1
kind: LoadBalancer
metadata: {name: ${name}}
spec: {loadBalancerSet: default, vipPool: default, ports: [{name: http, port: 80, targetPort: 8080, protocol: TCP}], ${spec}}
`;
}
const NODES = 'backends: [{name: a, address: 10.9.2.1}, {name: b, address: 10.9.2.2}]';

it('a load balancer declared in the site file answers from every backend', async () => {
  const address = await addressOf('web');
  const seen = new Set<string>();
  await eventually(async () => {
    seen.add((await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`])).split(' ')[0]!);
    expect([...seen].sort()).toEqual(lab.site.nodes.map(({ name }) => name).sort());
  });
});

it('one applied by command gets an address, answers, and leaves nothing when it is deleted', async () => {
  await lab.fairlead(['apply', '-f', '-'], { stdin: manifest('registry', NODES) });
  const address = await addressOf('registry');
  await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
  await eventually(async () => {
    for (const { name } of lab.site.machines) {
      expect(await tracesOf(lab, name, address)).toEqual(expect.arrayContaining(SERVED_AT));
    }
  });
  await lab.fairlead(['delete', 'loadbalancer', 'registry']);
  await eventually(async () => {
    for (const machine of lab.site.machines) expect(await tracesOf(lab, machine.name, address)).toEqual([]);
  });
});

it('one that finds its pool empty is told so by the pool name, and gets the first address that is freed', async () => {
  for (const name of ['second', 'third']) await lab.fairlead(['apply', '-f', '-'], { stdin: manifest(name, NODES) });
  for (const name of ['second', 'third']) await addressOf(name);
  await lab.fairlead(['apply', '-f', '-'], { stdin: manifest('waiting', NODES) });
  await eventually(async () => expect((await loadBalancer('waiting')).status?.message).toMatch(/default/));
  await lab.fairlead(['delete', 'loadbalancer', 'second']);
  const address = await addressOf('waiting');
  await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
  for (const name of ['third', 'waiting']) await lab.fairlead(['delete', 'loadbalancer', name]);
});

it('everything keeps its address when the cloudagent is killed and started again', async () => {
  const before = await addressOf('web');
  await lab.kill('cloudagent', 'cloudagent');
  await lab.must('client', ['curl', '-sf', '-m', '2', `http://${before}/`]);
  await lab.start('cloudagent', 'cloudagent');
  expect(await addressOf('web')).toBe(before);
});

it('show has the site on one screen', async () => {
  const screen = await lab.fairlead(['show']);
  for (const word of ['web', 'lb-1', 'lb-2', 'default', await addressOf('web')]) expect(screen).toContain(word);
});
