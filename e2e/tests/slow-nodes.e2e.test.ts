import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../lab/command.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';

/** So long nodes hear nothing of the API server, and answer their health checks all the same. */
const DEAF_MS = 2_500;
const SLOW = ['node-2', 'node-3'];
const ALL = ['node-1', 'node-2', 'node-3'];

describe.each(['nftables', 'iptables'] as const)('nodes that hear late of a Service, in %s mode', (proxyMode) => {
  let lab: Lab;
  let cluster: Cluster;
  let prober: Prober;

  beforeAll(async () => {
    const name = `slow-${proxyMode}-${process.pid}`;
    lab = await startLab({ name, dualStack: true, kubernetes: kubernetes({ proxyMode }) });
    cluster = new Cluster(lab);
    prober = await lab.startProber();
    await cluster.apply(echoDeployment('web', 2, { 'kubernetes.io/hostname': 'node-1' }));
    await cluster.rolledOut('web');
  });
  afterAll(async () => {
    await lab?.down();
  });

  /** While `work` runs, and until some seconds after it began, the slow nodes learn nothing new. */
  async function whileDeaf(work: () => Promise<void>): Promise<void> {
    const { address } = lab.site.control;
    const chain = `chain in { type filter hook input priority -300;\nip saddr ${address} tcp sport ${lab.site.cluster.port} drop\n}`;
    for (const node of SLOW) await lab.must(node, ['nft', '-f', '-'], { stdin: `table inet deaf {\n${chain}\n}` });
    try {
      await Promise.all([sleep(DEAF_MS), work()]);
    } finally {
      for (const node of SLOW) await lab.must(node, ['nft', 'delete', 'table', 'inet', 'deaf']);
    }
  }

  /** Names of the nodes that the machines' HAProxy sends connections of the Service's first port to, by VIP. */
  async function targets(service: string, address: string): Promise<string[]> {
    const { spec } = await cluster.service(service);
    const names = new Set<string>();
    for (const machine of lab.site.machines) {
      const config = await lab.readFile(machine.name, '/etc/haproxy/haproxy.cfg');
      const backend = config
        .split(/^(?=backend |frontend )/m)
        .find((text) => text.startsWith(`backend backend_${address}_`));
      for (const [, host, port] of (backend ?? '').matchAll(/^ +server \S+ \[?([\d.a-f:]+?)\]?:(\d+) /gm)) {
        if (Number(port) !== spec.ports[0]!.nodePort) continue;
        names.add(lab.site.nodes.find((node) => node.address === host || node.address6 === host)!.name);
      }
    }
    return [...names].sort();
  }

  it('get no connection of a new one before they have opened its port, in either family', async () => {
    const probes: ReturnType<Prober['probe']>[] = [];
    let addresses: string[] = [];
    await whileDeaf(async () => {
      await cluster.apply(loadBalancerService('new', 'web', { ipFamilyPolicy: 'RequireDualStack' }));
      addresses = await cluster.addresses('new', 2);
      for (const address of addresses) probes.push(prober.probe({ address, port: 80, httpPath: '/', intervalMs: 20 }));
      for (const address of addresses) {
        await eventually(async () => expect(await targets('new', address)).toEqual(['node-1']), 1);
      }
    });
    for (const address of addresses) {
      await eventually(async () => expect(await targets('new', address)).toEqual(ALL));
    }
    await sleep(500);
    for (const probe of probes) await expectNoFailure(probe);
  });

  it('get no connection of one that becomes open to all nodes before they serve it', async () => {
    await cluster.apply(loadBalancerService('policy', 'web', { externalTrafficPolicy: 'Local' }));
    const address = await cluster.address('policy');
    const probe = prober.probe({ address, port: 80, httpPath: '/', intervalMs: 20 });
    await eventually(async () => expect(await targets('policy', address)).toEqual(['node-1']));
    await whileDeaf(async () => {
      await sleep(300);
      await cluster.apply(loadBalancerService('policy', 'web', { externalTrafficPolicy: 'Cluster' }));
    });
    await eventually(async () => expect(await targets('policy', address)).toEqual(ALL));
    await sleep(500);
    await expectNoFailure(probe);
  });
});

async function expectNoFailure(probe: ReturnType<Prober['probe']>): Promise<void> {
  const { failures, outages } = await probe.stop();
  expect({ failures, outages }).toEqual({ failures: {}, outages: [] });
}
