import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { addClients, addIpv6Clients } from './clients.ts';
import { Cluster, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { ownersOf } from './machines.ts';
import { ask, destinations, dnsDeployment } from './udp.ts';

const DNS = { name: 'dns', protocol: 'UDP', port: 53, targetPort: 'dns' };
const BOTH = { ports: [{ name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 'tcp-dns' }, DNS] };
const DUAL = { ipFamilyPolicy: 'RequireDualStack' };
const TO_PODS = { allocateLoadBalancerNodePorts: false };

let lab: Lab;
let cluster: Cluster;
let prober: Prober;
const machines = () => lab.site.machines.map(({ name }) => name);

beforeAll(async () => {
  const spec = { drainTimeout: '4s', podRoutes: 'static' };
  lab = await startLab({ name: `udp-pods-${process.pid}`, dualStack: true, kubernetes: kubernetes(), cluster: spec });
  cluster = new Cluster(lab);
  prober = await lab.startProber();
  await cluster.apply(dnsDeployment('dns', 3));
  await cluster.rolledOut('dns');
});
afterAll(async () => {
  await lab?.down();
});

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly spec: { readonly nodeName: string };
    readonly status: { readonly podIPs: readonly { readonly ip: string }[] };
  }[];
}

/** Pods of an app that do not end. */
async function podsOf(app: string): Promise<PodList['items']> {
  const list = JSON.parse(await cluster.kubectl(['get', 'pods', '-l', `app=${app}`, '-o', 'json'])) as PodList;
  return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

const namesOf = (pods: PodList['items']): string[] => pods.map(({ metadata }) => metadata.name).sort();

/** All machines send new flows for the address to port 5353 of these pods, and nowhere else. */
function untilPods(address: string, pods: PodList['items'], seconds = 15): Promise<void> {
  const family = (ip: string): boolean => ip.includes(':') === address.includes(':');
  const expected = pods.flatMap(({ status }) => status.podIPs.map(({ ip }) => ip).filter(family));
  return eventually(async () => {
    for (const machine of machines()) {
      expect([machine, await destinations(lab, machine, address, 53)]).toEqual([
        machine,
        expected.map((ip) => `${ip}:5353`).sort(),
      ]);
    }
  }, seconds);
}

describe('UDP to pods', () => {
  it('goes straight to each pod at its named port, over both families, beside TCP', async () => {
    await cluster.apply(loadBalancerService('direct', 'dns', { ...BOTH, ...DUAL, ...TO_PODS }));
    const addresses = await cluster.addresses('direct', 2);
    const pods = await podsOf('dns');
    expect((await cluster.service('direct')).spec.ports.map(({ nodePort }) => nodePort)).toEqual([
      undefined,
      undefined,
    ]);
    for (const address of addresses) {
      await untilPods(address, pods);
      const probes = [
        prober.probe({ address, port: 53, udp: true, intervalMs: 5 }),
        prober.probe({ address, port: 53 }),
      ];
      for (const probe of probes) {
        await eventually(async () =>
          expect(Object.keys((await probe.report()).backends).sort()).toEqual(namesOf(pods)),
        );
        expect((await probe.stop()).failures).toEqual({});
      }
    }
  });

  it('shows pods the LB machine’s own address, of either family', async () => {
    const [ipv4, ipv6] = (await cluster.addresses('direct', 2)) as [string, string];
    const [owner] = await ownersOf(lab, ipv4);
    const machine = lab.site.machines.find(({ name }) => name === owner)!;
    const { address, address6 } = lab.site.client;
    const saw = async (vip: string, from: string) => (await ask(lab, vip, 53, [from]))[0]!.saw;
    expect(await saw(ipv4, address)).toBe(machine.address);
    expect(await saw(ipv6, address6!)).toBe(machine.address6);
  });

  it('leaves a pod that ends its flows until it is gone, and gives it no new ones', async () => {
    const [address] = (await cluster.addresses('direct', 2)) as [string];
    const hold = prober.hold({ address, port: 53, udp: true, connections: 20, intervalMs: 20 });
    await eventually(async () => expect((await hold.report()).open).toBe(20));
    const before = await podsOf('dns');
    const name = before[0]!.metadata.name;
    const had = (await hold.report()).backends;
    expect(had[name]).toBeGreaterThan(0);
    await cluster.kubectl(['delete', 'pod', name, '--wait=false']);
    await cluster.rolledOut('dns');
    const after = await podsOf('dns');
    for (const each of await cluster.addresses('direct', 2)) await untilPods(each, after);
    await sleep(1_000);
    const report = await hold.stop();
    expect(report.open).toBe(20);
    // What a program that has ended refuses is told to its clients, until Kubernetes says that it is gone.
    expect(report.broken.length).toBeLessThanOrEqual(had[name]!);
    expect(report.longestStallMs).toBeLessThan(3_000);
    // Only its own flows have found another pod.
    const moved = Object.entries(report.backends).flatMap(([pod, count]) => count - (had[pod] ?? 0));
    expect(moved.reduce((sum, count) => sum + count, 0)).toBe(had[name]);
  });

  it('is switched on and off live, with the same addresses', async () => {
    await cluster.apply(loadBalancerService('mode', 'dns', { ports: [DNS], ...DUAL }));
    const addresses = await cluster.addresses('mode', 2);
    const nodes = { [addresses[0]!]: lab.site.nodes[0]!.address, [addresses[1]!]: lab.site.nodes[0]!.address6! };
    const untilNodes = (address: string) =>
      eventually(async () => {
        for (const machine of machines()) {
          const found = await destinations(lab, machine, address, 53);
          expect(found.map((each) => each.replace(/:\d+$/, ''))).toContain(nodes[address]);
        }
      });
    for (const address of addresses) await untilNodes(address);
    const probes = addresses.map((address) => prober.probe({ address, port: 53, udp: true, deadlineMs: 500 }));
    // kube-proxy takes a moment to open a new node port on every node.
    for (const probe of probes) {
      await eventually(async () => {
        await probe.report({ reset: true });
        await sleep(300);
        expect((await probe.report()).failures).toEqual({});
      });
      await probe.report({ reset: true });
    }
    const annotate = (change: string) =>
      cluster.kubectl(['annotate', 'service', 'mode', `fairlead.dev/backend-mode${change}`]);
    await annotate('=pod');
    for (const address of addresses) await untilPods(address, await podsOf('dns'));
    await annotate('-');
    for (const address of addresses) await untilNodes(address);
    expect(await cluster.addresses('mode', 2)).toEqual(addresses);
    for (const probe of probes) {
      const { ok, failures } = await probe.stop();
      const { timeout = 0, ...others } = failures;
      expect(others).toEqual({});
      // Some were under way when the way changed.
      expect(timeout).toBeLessThan(ok / 20);
    }
  });

  it('leaves out the pods of a node that dies before Kubernetes knows, and has them again', async () => {
    await cluster.apply(loadBalancerService('alive', 'dns', { ports: [DNS], ...TO_PODS }));
    const address = await cluster.address('alive');
    const pods = await podsOf('dns');
    await untilPods(address, pods);
    const { nodeName } = pods[0]!.spec;
    await lab.cut(nodeName);
    await untilPods(
      address,
      pods.filter(({ spec }) => spec.nodeName !== nodeName),
    );
    const probe = prober.probe({ address, port: 53, udp: true });
    await sleep(500);
    expect((await probe.stop()).failures).toEqual({});
    await lab.heal(nodeName);
    await untilPods(address, pods, 20);
    await cluster.kubectl(['delete', 'service', 'alive', 'direct', 'mode', '--timeout=20s']);
  });
});

describe('UDP with sessionAffinity: ClientIP', () => {
  const AFFINITY = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
  let addresses: string[];
  let clients: Readonly<Record<string, readonly string[]>>;

  const apply = (spec: object) =>
    cluster.apply(loadBalancerService('sticky', 'dns', { ports: [DNS], ...DUAL, ...TO_PODS, ...spec }));

  /** The pod that each client of the address came to; every one is served. */
  async function places(address: string): Promise<Record<string, string>> {
    const answers = await ask(lab, address, 53, clients[address]!);
    expect(answers.filter(({ name }) => name === '')).toEqual([]);
    return Object.fromEntries(answers.map(({ from, name }) => [from, name]));
  }

  beforeAll(async () => {
    await apply(AFFINITY);
    addresses = await cluster.addresses('sticky', 2);
    for (const address of addresses) await untilPods(address, await podsOf('dns'));
    const [ipv4, ipv6] = addresses as [string, string];
    clients = { [ipv4]: await addClients(lab, 20), [ipv6]: await addIpv6Clients(lab, 20) };
  });

  it('all flows of a client go to one pod, over either family; clients are spread over all', async () => {
    for (const address of addresses) {
      const first = await places(address);
      for (let round = 0; round < 3; round += 1) expect(await places(address)).toEqual(first);
      expect(new Set(Object.values(first)).size).toBe(3);
    }
  });

  it('a client stays with its pod when another machine takes over', async () => {
    const before = await Promise.all(addresses.map(places));
    const [owner] = (await ownersOf(lab, addresses[0]!)) as [string];
    await lab.cut(owner);
    await eventually(async () => expect(await Promise.all(addresses.map(places))).toEqual(before));
    await lab.heal(owner);
    await eventually(async () => expect(await ownersOf(lab, addresses[0]!)).toHaveLength(1), 20);
    await eventually(async () => expect(await Promise.all(addresses.map(places))).toEqual(before));
  });

  it('a pod more takes its share of the clients and moves no other; when it goes they are where they were', async () => {
    const before = await Promise.all(addresses.map(places));
    const known = namesOf(await podsOf('dns'));
    await cluster.kubectl(['scale', 'deployment', 'dns', '--replicas=4']);
    await cluster.rolledOut('dns');
    const four = await podsOf('dns');
    for (const address of addresses) await untilPods(address, four);
    const added = namesOf(four).filter((name) => !known.includes(name));
    const during = await Promise.all(addresses.map(places));
    const moved = during.flatMap((now, at) =>
      Object.entries(now).flatMap(([client, pod]) => (before[at]![client] === pod ? [] : [pod])),
    );
    expect(new Set(moved)).toEqual(new Set(added));
    expect(moved.length).toBeLessThan(30);
    // As a user would choose which one goes.
    await cluster.kubectl(['annotate', 'pod', ...added, 'controller.kubernetes.io/pod-deletion-cost=-1']);
    await cluster.kubectl(['scale', 'deployment', 'dns', '--replicas=3']);
    const three = four.filter(({ metadata }) => known.includes(metadata.name));
    for (const address of addresses) await untilPods(address, three);
    expect(await Promise.all(addresses.map(places))).toEqual(before);
  });

  it('is switched off and on live, at the same addresses, and flows go on where they are', async () => {
    const hold = prober.hold({ address: addresses[1]!, port: 53, udp: true, connections: 10, intervalMs: 20 });
    await eventually(async () => expect((await hold.report()).open).toBe(10));
    const before = await places(addresses[1]!);
    const had = (await hold.report()).backends;
    expect(Object.keys(had)).toHaveLength(1);
    await apply({ sessionAffinity: 'None', sessionAffinityConfig: null });
    await eventually(async () => expect(await places(addresses[1]!)).not.toEqual(before));
    await apply(AFFINITY);
    await eventually(async () => {
      for (let round = 0; round < 3; round += 1) expect(await places(addresses[1]!)).toEqual(before);
    });
    expect(await cluster.addresses('sticky', 2)).toEqual(addresses);
    expect(await hold.stop()).toMatchObject({ open: 10, lost: 0, broken: [], backends: had });
  });
});

it('the PROXY protocol for a UDP port is refused, and what was served goes on', async () => {
  const [address] = (await cluster.addresses('sticky', 2)) as [string];
  await cluster.kubectl(['annotate', 'service', 'sticky', 'fairlead.dev/proxy-protocol=v2']);
  const { reason, message } = await cluster.condition('sticky', 'Accepted', 'False');
  expect([reason, message]).toEqual(['InvalidAnnotation', expect.stringMatching(/proxy-protocol\]: is for TCP ports/)]);
  expect((await ask(lab, address, 53, [lab.site.client.address]))[0]!.name).toMatch(/^dns-/);
  await cluster.kubectl(['annotate', 'service', 'sticky', 'fairlead.dev/proxy-protocol-']);
  await cluster.condition('sticky', 'Accepted', 'True');
});
