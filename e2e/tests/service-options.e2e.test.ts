import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { diskOf } from '../lab/protocol.ts';
import { addClients, talk } from './clients.ts';
import { Cluster, loadBalancerService, proxyDeployment } from './cluster.ts';
import { eventually } from './eventually.ts';
import { haproxyWorkers, ownersOf } from './machines.ts';

let lab: Lab;
let cluster: Cluster;
let prober: Prober;
let clients: string[];

beforeAll(async () => {
  lab = await startLab({ name: `options-${process.pid}`, kubernetes: kubernetes({ proxyMode: 'nftables' }) });
  cluster = new Cluster(lab);
  prober = await lab.startProber();
  clients = await addClients(lab, 20);
  const nodes = lab.site.nodes.map(({ name }) => name);
  // Two pods on each node: which pod answers says which node was chosen.
  await cluster.apply(...nodes.map((node) => proxyDeployment('web', node, 2)));
  for (const node of nodes) await cluster.rolledOut(`web-${node}`);
});
afterAll(async () => {
  await lab?.down();
});

const LINES = { name: 'lines', port: 9000, targetPort: 'tcp-lines' };
const PROXY = { name: 'proxied', port: 9001, targetPort: 'proxy-lines' };
const LOCAL = { externalTrafficPolicy: 'Local' };

/** A Service with annotations of ours, by their names without prefix; applied, and its address. */
async function serve(
  name: string,
  annotations: Readonly<Record<string, string>>,
  spec: Record<string, unknown> = {},
): Promise<string> {
  const service = loadBalancerService(name, 'web', { ports: [LINES, PROXY], ...LOCAL, ...spec }) as {
    metadata: Record<string, unknown>;
  };
  const ours = Object.entries(annotations).map(([key, value]) => [`fairlead.dev/${key}`, value]);
  await cluster.apply({ ...service, metadata: { ...service.metadata, annotations: Object.fromEntries(ours) } });
  const address = await cluster.address(name);
  // kube-proxy takes a moment to open a new node port.
  if (spec['ports'] === undefined) await greeted(address);
  return address;
}

function greeted(address: string): Promise<void> {
  return eventually(async () => expect(await greeting(address)).not.toBe(''));
}

async function greeting(address: string, port = LINES.port): Promise<string> {
  return (await talk(lab, { address, port }))[0]!.greeting;
}

const nodeOf = (greeting: string): string => /^web-(node-\d)/.exec(greeting)?.[1] ?? '';

/** The node that each client's connection went to. */
async function nodesOf(address: string, from: readonly string[] = clients): Promise<Record<string, string>> {
  const talks = await talk(lab, { address, port: 9000, from });
  return Object.fromEntries(talks.map((each) => [each.from, nodeOf(each.greeting)]));
}

/** Whether a machine has a haproxy process that it did not have; those of before may end when their connections do. */
async function reloadedSince(before: readonly string[]): Promise<boolean> {
  const known = new Set(before.flatMap((pids) => pids.split(' ')));
  return (await haproxyWorkers(lab)).some((pids) => pids.split(' ').some((pid) => !known.has(pid)));
}

function counts(values: readonly string[]): Record<string, number> {
  const counted: Record<string, number> = {};
  for (const value of values) counted[value] = (counted[value] ?? 0) + 1;
  return counted;
}

describe('the PROXY protocol', () => {
  it('tells backends of clients on the ports that are named, and of no others; it changes on a live Service', async () => {
    const address = await serve('proxy', { 'proxy-protocol': 'v2:9001' });
    await eventually(async () => expect(await greeting(address, 9001)).toMatch(/ for 10\.9\.0\.100:\d+ by v2$/));
    expect(await greeting(address)).toMatch(/ saw 10\.9\.1\.\d:\d+$/);
    expect(await serve('proxy', { 'proxy-protocol': 'v1:9001' })).toBe(address);
    await eventually(async () => expect(await greeting(address, 9001)).toMatch(/ for 10\.9\.0\.100:\d+ by v1$/));
  });

  it('is named to who hides clients without it, once', async () => {
    await serve('hidden', {});
    await serve('told', { 'proxy-protocol': 'v2' });
    const reasons = async (name: string): Promise<string[]> => (await cluster.events(name)).map(({ reason }) => reason);
    await eventually(async () => expect(await reasons('hidden')).toContain('ClientAddressHidden'));
    const [event] = (await cluster.events('hidden')).filter(({ reason }) => reason === 'ClientAddressHidden');
    expect(event).toMatchObject({ type: 'Normal', message: expect.stringContaining('fairlead.dev/proxy-protocol') });
    expect(await reasons('told')).not.toContain('ClientAddressHidden');
  });
});

describe('a profile', () => {
  it('costs its first Service one reload that drops nothing, and the next ones none', async () => {
    const plain = await serve('plain', {});
    const hold = prober.hold({ address: plain, port: 9000, connections: 5 });
    const probe = prober.probe({ address: plain, port: 9000 });
    await eventually(async () => expect((await hold.report()).open).toBe(5));
    const before = await haproxyWorkers(lab);
    const first = await serve('short', { 'timeout-tunnel': '1s' });
    const after = await haproxyWorkers(lab);
    expect(after).not.toEqual(before);
    const second = await serve('short-too', { 'timeout-tunnel': '1s' });
    await serve('short-three', { 'timeout-client': '1s' });
    expect(await reloadedSince(after)).toBe(false);
    for (const address of [first, second]) {
      const [silent] = await talk(lab, { address, port: 9000, holdMs: 2_500 });
      expect(silent).toMatchObject({ greeting: expect.stringContaining('web-'), open: false });
    }
    const [patient] = await talk(lab, { address: plain, port: 9000, holdMs: 2_500 });
    expect(patient!.open).toBe(true);
    expect((await probe.stop()).failures).toEqual({});
    expect(await hold.stop()).toMatchObject({ open: 5, broken: [] });
  });

  it('leaves a connection that talks alone, and gives the address back its usual one live', async () => {
    const address = await cluster.address('short');
    const hold = prober.hold({ address, port: 9000, connections: 2, intervalMs: 200 });
    await eventually(async () => expect((await hold.report()).lines).toBeGreaterThan(20));
    expect(await serve('short', {})).toBe(address);
    await eventually(async () => {
      const [silent] = await talk(lab, { address, port: 9000, holdMs: 1_500 });
      expect(silent!.open).toBe(true);
    });
    expect(await hold.stop()).toMatchObject({ open: 2, broken: [] });
  });
});

describe('an algorithm', () => {
  it('source keeps each client at one node; hash spreads one client’s connections', async () => {
    const bySource = await serve('source', { 'load-distribution': 'SourceIP' });
    const byHash = await serve('hash', { algorithm: 'hash' });
    const first = await nodesOf(bySource);
    expect(await nodesOf(bySource, clients.toReversed())).toEqual(first);
    expect(new Set(Object.values(first)).size).toBe(3);
    const one = await talk(lab, { address: byHash, port: 9000, from: clients.map(() => clients[0]!) });
    expect(new Set(one.map(({ greeting }) => nodeOf(greeting))).size).toBe(3);
  });

  it('leastconn sends new connections to where others ended', async () => {
    const address = await serve('least', { algorithm: 'leastconn' });
    const talks = await talk(lab, { address, port: 9000, from: clients.slice(0, 9) });
    expect(counts(talks.map(({ greeting }) => nodeOf(greeting)))).toEqual({ 'node-1': 3, 'node-2': 3, 'node-3': 3 });
  });
});

it('more connections than allowed are closed at once; the limit changes live, without a reload', async () => {
  const workers = await haproxyWorkers(lab);
  const address = await serve('few', { 'max-connections': '3' });
  const admitted = async (count: number): Promise<number> => {
    const talks = await talk(lab, { address, port: 9000, from: clients.slice(0, count) });
    return talks.filter(({ greeting }) => greeting !== '').length;
  };
  expect(await admitted(6)).toBe(3);
  await eventually(async () => expect(await admitted(3)).toBe(3));
  await serve('few', { 'max-connections': '5' });
  await eventually(async () => expect(await admitted(8)).toBe(5));
  await serve('few', {});
  await eventually(async () => expect(await admitted(10)).toBe(10));
  expect(await reloadedSince(workers)).toBe(false);
});

describe('a check', () => {
  const http = { ports: [{ name: 'http', port: 80, targetPort: 'http' }], externalTrafficPolicy: 'Cluster' };
  const answers = async (address: string): Promise<boolean> =>
    (await lab.exec('client', ['curl', '-sf', '-m', '1', `http://${address}/`])).code === 0;

  it('by HTTP takes a backend out whose status is not the one expected, and lets it in again', async () => {
    const pace = { 'check-interval': '200ms', 'check-rise': '1', 'check-fall': '2' };
    const address = await serve('status', { check: 'http:/healthz', 'check-status': '200', ...pace }, http);
    await eventually(async () => expect(await answers(address)).toBe(true));
    await serve('status', { check: 'http:/healthz', 'check-status': '204', ...pace }, http);
    await eventually(async () => expect(await answers(address)).toBe(false));
    expect(await serve('status', { check: 'http:/healthz', ...pace }, http)).toBe(address);
    await eventually(async () => expect(await answers(address)).toBe(true));
  });

  it('of the node port is made at the pace asked for', async () => {
    const address = await serve('own', { check: 'node-port', 'check-interval': '2s', 'check-rise': '3' }, http);
    await eventually(async () => expect(await answers(address)).toBe(true));
    const [owner] = await ownersOf(lab, address);
    const config = await eventually(async () => {
      const text = await lab.must(owner!, ['cat', `${diskOf(owner!)}/etc/haproxy/haproxy.cfg`]);
      expect(text).toContain(`backend_${address}_80`);
      return text;
    });
    expect(config).toMatch(/check inter 2000ms fall 2 rise 3\n/);
  });
});

it.each([
  ['timeout-client', '30', 'from 10ms to 24d'],
  ['max-connections', '0', 'from 1 to 1000000'],
  ['proxy-protocol', 'v2:81', '81 is no TCP port'],
  ['algorithm', 'static-rr\n    server evil 1.2.3.4', 'one of roundrobin'],
  ['check', 'http:/a b', 'an absolute URL path'],
])('a bad %s refuses its change alone, by name and rule', async (key, value, rule) => {
  const address = await serve('bad', {});
  await serve('bad', { [key]: value });
  const { message } = await cluster.condition('bad', 'Accepted', 'False');
  expect(message).toContain(`fairlead.dev/${key}`);
  expect(message).toContain(rule);
  expect(nodeOf(await greeting(address))).not.toBe('');
  await eventually(async () => {
    const events = (await cluster.events('bad')).map((event) => event.message).join(' ');
    expect(events).toContain(`fairlead.dev/${key}`);
  });
  await serve('bad', {});
  await cluster.condition('bad', 'Accepted', 'True');
});
