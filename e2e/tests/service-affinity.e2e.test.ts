import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { addClients, talk } from './clients.ts';
import { Cluster, loadBalancerService, proxyDeployment } from './cluster.ts';
import { eventually } from './eventually.ts';
import { haproxyWorkers, ownersOf } from './machines.ts';

let lab: Lab;
let cluster: Cluster;
let clients: string[];
let address: string;

beforeAll(async () => {
  lab = await startLab({ name: `affinity-${process.pid}`, kubernetes: kubernetes({ proxyMode: 'nftables' }) });
  cluster = new Cluster(lab);
  clients = await addClients(lab, 20);
  const nodes = lab.site.nodes.map(({ name }) => name);
  // More pods than nodes; which pod answers says which node was chosen.
  await cluster.apply(...nodes.map((node) => proxyDeployment('web', node, 2)));
  for (const node of nodes) await cluster.rolledOut(`web-${node}`);
  address = await serve('sticky', AFFINITY);
});
afterAll(async () => {
  await lab?.down();
});

const AFFINITY = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } };

async function serve(name: string, spec: Record<string, unknown> = {}): Promise<string> {
  const ports = [{ name: 'lines', port: 9000, targetPort: 'tcp-lines' }];
  await cluster.apply(loadBalancerService(name, 'web', { ports, externalTrafficPolicy: 'Local', ...spec }));
  // A worker that has just begun may take ten seconds to learn what it then hands on.
  const found = await cluster.address(name, 20);
  // kube-proxy takes a moment to open a new node port.
  await eventually(async () => expect((await talk(lab, { address: found, port: 9000 }))[0]!.greeting).not.toBe(''));
  return found;
}

type Places = Readonly<Record<string, string>>;

/** The node that each client's connection goes to now; every client is served. */
async function places(order = clients): Promise<Places> {
  const talks = await talk(lab, { address, port: 9000, from: order });
  expect(talks.filter(({ greeting }) => greeting === '').map(({ from }) => from)).toEqual([]);
  const entries = talks.map(({ from, greeting }) => [from, /^web-(node-\d)/.exec(greeting)![1]!] as const);
  return Object.fromEntries(entries);
}

/** Pods that have answered, by node. */
async function podsSeen(): Promise<Map<string, Set<string>>> {
  const seen = new Map<string, Set<string>>();
  for (const { greeting } of await talk(lab, { address, port: 9000, from: [...clients, ...clients] })) {
    const [pod = '', node = ''] = /^web-(node-\d)\S*/.exec(greeting) ?? [];
    seen.set(node, (seen.get(node) ?? new Set()).add(pod));
  }
  return seen;
}

async function isGone(node: string): Promise<void> {
  await eventually(async () => expect(Object.values(await places())).not.toContain(node));
}

it('a client comes back to its node, whatever the order; clients are spread over all nodes', async () => {
  const first = await places();
  expect(await places(clients.toReversed())).toEqual(first);
  expect(new Set(Object.values(first)).size).toBe(3);
});

it('on each node all clients of a machine share one pod, which is told', async () => {
  for (const [node, pods] of await podsSeen()) expect([node, pods.size]).toEqual([node, 1]);
  const events = await cluster.events('sticky');
  expect(events.find(({ reason }) => reason === 'ClientsPinned')).toMatchObject({
    type: 'Normal',
    message: expect.stringContaining('fairlead.dev/backend-mode: pod'),
  });
});

it('is kept over a reload', async () => {
  const before = await places();
  const workers = await haproxyWorkers(lab);
  const other = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 77 } } };
  await serve('other', other);
  expect(await haproxyWorkers(lab)).not.toEqual(workers);
  expect(await places()).toEqual(before);
});

it('is kept when the address moves to another machine', async () => {
  const before = await places();
  const [owner] = await ownersOf(lab, address);
  await lab.cut(owner!);
  await eventually(async () => expect(await places()).toEqual(before));
  await lab.heal(owner!);
  await eventually(async () => expect(await ownersOf(lab, address)).toHaveLength(1), 20);
  expect(await places()).toEqual(before);
});

it('is kept by the clients of other nodes when one is taken out, and by all when it comes back', async () => {
  const before = await places();
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  await cluster.kubectl(['label', 'node', 'node-2', `${label}=`]);
  await isGone('node-2');
  const without = await places();
  const stay = clients.filter((client) => before[client] !== 'node-2');
  expect(stay.map((client) => without[client])).toEqual(stay.map((client) => before[client]));
  await cluster.kubectl(['label', 'node', 'node-2', `${label}-`]);
  await eventually(async () => {
    await serve('fresh');
    const talks = await talk(lab, { address: await cluster.address('fresh'), port: 9000, from: clients });
    expect(talks.some(({ greeting }) => greeting.startsWith('web-node-2'))).toBe(true);
  });
  expect(await places()).toEqual(without);
});

it('is switched off and on live, at the same address', async () => {
  expect(await serve('sticky', { sessionAffinity: 'None' })).toBe(address);
  await eventually(async () => expect(await places()).not.toEqual(await places()));
  expect(await serve('sticky', AFFINITY)).toBe(address);
  await eventually(async () => expect(await places()).toEqual(await places()));
});

it('ends with its time-out', async () => {
  const short = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } } };
  expect(await serve('sticky', short)).toBe(address);
  // Round robin gives the next client the next node: one that is forgotten comes to another one sooner or later.
  await eventually(async () => {
    const before = await places();
    await sleep(2_500);
    expect(await places(clients.toReversed())).not.toEqual(before);
  }, 20);
});
