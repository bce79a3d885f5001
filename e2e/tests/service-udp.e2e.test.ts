import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { Cluster, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { destinations, dnsDeployment, leftOfUdp } from './udp.ts';

let lab: Lab;
let cluster: Cluster;
let prober: Prober;
const machines = () => lab.site.machines.map(({ name }) => name);

const DNS_PORTS = [
  { name: 'dns-tcp', protocol: 'TCP', port: 53, targetPort: 'tcp-dns' },
  { name: 'dns', protocol: 'UDP', port: 53, targetPort: 'dns' },
];

/** The nodes that every machine sends new flows to, once they are these. */
function untilNodes(address: string, expected: readonly string[]): Promise<void> {
  return eventually(async () => {
    for (const machine of machines()) {
      const found = (await destinations(lab, machine, address, 53)).map((each) => each.split(':')[0]);
      const nodes = lab.site.nodes.filter((node) => found.includes(node.address)).map(({ name }) => name);
      expect([machine, nodes]).toEqual([machine, expected]);
    }
  }, 15);
}

beforeAll(async () => {
  lab = await startLab({ name: `udp-${process.pid}`, kubernetes: kubernetes({}) });
  cluster = new Cluster(lab);
  prober = await lab.startProber();
  await cluster.apply(dnsDeployment('dns', 4));
  await cluster.rolledOut('dns');
});
afterAll(async () => {
  await lab?.down();
});

describe('protocol: UDP', () => {
  it('TCP and UDP on one port number answer at one address the moment it is published, from every pod', async () => {
    await cluster.apply(loadBalancerService('dns', 'dns', { ports: DNS_PORTS }));
    const address = await cluster.address('dns');
    const probe = prober.probe({ address, port: 53, udp: true, intervalMs: 5 });
    const tcp = prober.probe({ address, port: 53 });
    const pods = (await cluster.pods('dns')).map((pod) => pod.metadata.name).sort();
    await eventually(async () => {
      expect(Object.keys((await probe.report()).backends).sort()).toEqual(pods);
      expect(Object.keys((await tcp.report()).backends).sort()).toEqual(pods);
    });
    const [udpReport, tcpReport] = [await probe.stop(), await tcp.stop()];
    expect([udpReport.failures, tcpReport.failures]).toEqual([{}, {}]);
    const service = await cluster.service('dns');
    expect(service.status.loadBalancer.ingress).toMatchObject([
      {
        ip: address,
        ports: [
          { port: 53, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
      },
    ]);
  });
});

describe('who is alive', () => {
  it('a node that dies gets no new flows, and those it had find another', async () => {
    const address = await cluster.address('dns');
    const [first, ...others] = lab.site.nodes.map(({ name }) => name);
    await untilNodes(address, [first!, ...others]);
    const probe = prober.probe({ address, port: 53, udp: true, deadlineMs: 500 });
    await lab.cut(first!);
    await untilNodes(address, others);
    // Other nodes still send some on to its pods, as long as Kubernetes does not know.
    await eventually(async () => expect((await probe.report()).outages.filter(({ open }) => open)).toEqual([]));
    await lab.heal(first!);
    await untilNodes(address, [first!, ...others]);
    await probe.stop();
  });

  it('with policy Local flows go only to nodes that have a ready pod, also while it moves', async () => {
    await cluster.apply(
      dnsDeployment('local', 1, { 'kubernetes.io/hostname': 'node-1' }),
      loadBalancerService('local', 'local', { ports: DNS_PORTS, externalTrafficPolicy: 'Local' }),
    );
    await cluster.rolledOut('local');
    const address = await cluster.address('local');
    const ask = (deadlineMs: number) => prober.probe({ address, port: 53, udp: true, deadlineMs });
    // It came before its pod, so it was published at once.
    const first = ask(500);
    await eventually(async () => {
      const { ok, failed } = await first.report({ reset: true });
      expect(ok).toBeGreaterThan(0);
      expect(failed).toBe(0);
    });
    await first.stop();
    const probe = ask(500);
    for (const node of ['node-2', 'node-1']) {
      await cluster.apply(dnsDeployment('local', 1, { 'kubernetes.io/hostname': node }));
      await cluster.rolledOut('local');
      await untilNodes(address, [node]);
    }
    const report = await probe.stop();
    // A client that happens to use a port again within half a minute has its old flow, to a pod that has ended meanwhile.
    expect(report.failed).toBeLessThan(report.attempts / 50);
    await cluster.kubectl(['delete', 'service', 'local', '--timeout=20s']);
  });
});

it('what is served of UDP goes with the last UDP port: address, rules, checks, and the routing', async () => {
  const address = await cluster.address('dns');
  await cluster.kubectl(['delete', 'service', 'dns', '--timeout=20s']);
  await eventually(async () => expect(await leftOfUdp(lab, machines(), address)).toEqual([]), 20);
});

it('protocol: SCTP is refused with an event that names the field', async () => {
  const ports = [{ name: 'sctp', protocol: 'SCTP', port: 9899, targetPort: 9899 }];
  await cluster.apply(loadBalancerService('sctp', 'dns', { ports }));
  await eventually(async () => {
    const messages = (await cluster.events('sctp')).map(({ message }) => message);
    expect(messages.join('\n')).toMatch(/spec\.ports\[0\]\.protocol: "SCTP" is not served/);
  });
  expect((await cluster.service('sctp')).status.loadBalancer.ingress ?? []).toEqual([]);
  await cluster.kubectl(['delete', 'service', 'sctp', '--timeout=20s']);
});
