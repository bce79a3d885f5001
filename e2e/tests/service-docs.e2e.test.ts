import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { examplesOf } from '../docs/examples.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { Cluster, echoDeployment } from './cluster.ts';
import { eventually } from './eventually.ts';
import { ask } from './udp.ts';

/** The page is about a site of its own; here its addresses and its cluster are those of the lab. */
const inTheLab = (text: string): string =>
  text
    .replaceAll('192.168.0.', '10.9.100.')
    .replaceAll('fd12::', 'fd09::100:')
    .replaceAll(' prod/default/', ' lab/default/');

const PAGE = readFileSync(resolve(import.meta.dirname, '../../docs/services.md'), 'utf8');
const EXAMPLES = examplesOf(inTheLab(PAGE)).map((example) => {
  const { metadata, spec } = parse(example.yaml) as {
    metadata: { name: string };
    spec: { ports: readonly { port: number; protocol?: string }[] };
  };
  return { ...example, name: metadata.name, ports: spec.ports };
});

let lab: Lab;
let cluster: Cluster;
beforeAll(async () => {
  lab = await startLab({
    name: `service-docs-${process.pid}`,
    dualStack: true,
    // Older API servers let ranges pass that newer ones refuse.
    kubernetes: kubernetes({ apiServerFlags: ['--feature-gates=StrictIPCIDRValidation=false'] }),
  });
  cluster = new Cluster(lab);
  await cluster.apply(echoDeployment('web', 2));
  await cluster.rolledOut('web');
});
afterAll(async () => {
  await lab?.down();
});

async function connects(address: string, port: number): Promise<void> {
  await lab.must('client', ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`]);
}

async function answers(address: string, port: number): Promise<void> {
  const { client } = lab.site;
  const [asked] = await ask(lab, address, port, [address.includes(':') ? client.address6! : client.address]);
  expect(asked!.name).toMatch(/^web-/);
}

it.each(EXAMPLES.filter(({ refusal }) => refusal === undefined))(
  'line $line of docs/services.md, $name, is served as it stands there',
  async ({ name, yaml, ports }) => {
    await cluster.kubectl(['apply', '-f', '-'], yaml);
    const families = (await cluster.service(name)).spec.ipFamilies.length;
    const addresses = await cluster.addresses(name, families);
    expect(addresses).toHaveLength(families);
    await cluster.condition(name, 'Accepted', 'True');
    for (const { port, protocol } of ports) {
      for (const address of addresses) {
        await eventually(() => (protocol === 'UDP' ? answers(address, port) : connects(address, port)));
      }
    }
  },
);

it.each(EXAMPLES.filter(({ refusal }) => refusal !== undefined))(
  'line $line of docs/services.md, $name, is refused in the words that stand there',
  async ({ name, yaml, refusal }) => {
    await cluster.kubectl(['apply', '-f', '-'], yaml);
    await eventually(async () => {
      const bad = ((await cluster.service(name)).status.conditions ?? []).filter(({ status }) => status === 'False');
      expect(bad.map(({ message }) => message).join('\n')).toContain(refusal);
    });
    await eventually(async () => {
      const warnings = (await cluster.events(name)).filter(({ type }) => type === 'Warning');
      expect(warnings.map(({ message }) => message).join('\n')).toContain(refusal);
    });
    expect((await cluster.service(name)).status.loadBalancer.ingress ?? []).toEqual([]);
  },
);
