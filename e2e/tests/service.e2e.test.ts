import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { Cluster, echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { SERVED_AT, tracesOf } from './traces.ts';

describe.each(['nftables', 'iptables'] as const)(
  'a Service of type LoadBalancer, with kube-proxy in %s mode',
  (proxyMode) => {
    let lab: Lab;
    let cluster: Cluster;
    let prober: Prober;

    beforeAll(async () => {
      lab = await startLab({ name: `service-${proxyMode}-${process.pid}`, kubernetes: kubernetes({ proxyMode }) });
      cluster = new Cluster(lab);
      prober = await lab.startProber();
      await cluster.apply(echoDeployment('web', 4));
      await cluster.rolledOut('web');
    });
    afterAll(async () => {
      await lab?.down();
    });

    it('answers at its address the moment it is published, from every pod', async () => {
      await cluster.apply(loadBalancerService('web', 'web'));
      const address = await cluster.address('web');
      const probe = prober.probe({ address, port: 80, httpPath: '/' });
      const pods = await cluster.pods('web');
      const report = await eventually(async () => {
        const seen = await probe.report();
        expect(Object.keys(seen.backends).sort()).toEqual(pods.map((pod) => pod.metadata.name).sort());
        return seen;
      });
      await probe.stop();
      expect(report.failed).toBe(0);
      const service = await cluster.service('web');
      expect(service.status.loadBalancer.ingress).toMatchObject([
        { ip: address, ipMode: 'Proxy', ports: [{ port: 80 }] },
      ]);
      for (const type of ['Accepted', 'AddressAllocated', 'Programmed']) await cluster.condition('web', type, 'True');
      expect((await cluster.events('web')).map(({ reason }) => reason)).toContain('EnsuredLoadBalancer');
    });

    it('keeps its address, and the connections of one port, while another port changes', async () => {
      const lines = { name: 'lines', port: 9000, targetPort: 'tcp-lines' };
      await cluster.apply(
        loadBalancerService('two', 'web', { ports: [{ name: 'http', port: 80, targetPort: 'http' }, lines] }),
      );
      const address = await cluster.address('two');
      const hold = prober.hold({ address, port: 9000, connections: 3 });
      await eventually(async () => expect((await hold.report()).lines).toBeGreaterThan(5));

      await cluster.apply(
        loadBalancerService('two', 'web', { ports: [{ name: 'renamed', port: 8081, targetPort: 'http' }, lines] }),
      );
      await eventually(async () => {
        await lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}:8081/`]);
        const old = await lab.exec('client', ['curl', '-s', '-m', '1', `http://${address}:80/`]);
        expect(old.code).toBe(7);
      });
      const report = await hold.stop();
      expect(report.broken).toEqual([]);
      expect(report.open).toBe(3);
      expect(await cluster.address('two')).toBe(address);
    });

    /** A Service that came before its pods is published at once; kube-proxy takes a second or so to open it to them. */
    const nodesForward = (address: string) =>
      eventually(() => lab.must('client', ['curl', '-sf', '-m', '1', `http://${address}/`]));

    it('with policy Cluster is served by nodes without pods too', async () => {
      await cluster.apply(
        echoDeployment('one', 1, { 'kubernetes.io/hostname': 'node-1' }),
        loadBalancerService('one', 'one'),
      );
      await cluster.rolledOut('one');
      const address = await cluster.address('one');
      await nodesForward(address);
      const probe = prober.probe({ address, port: 80, httpPath: '/' });
      // What the pod sees is the node that forwarded to it; the node it is on forwards the LB machine's own address.
      const via = new Set<string>();
      await eventually(async () => {
        const seen = await lab.must('client', ['curl', '-sf', '-m', '2', `http://${address}/`]);
        via.add(/saw ([\d.]+):/.exec(seen)![1]!);
        expect([...via]).toEqual(expect.arrayContaining(['10.9.2.2', '10.9.2.3']));
      });
      expect((await probe.stop()).failed).toBe(0);
    });

    it('with policy Local sends connections only to nodes that have a ready pod, also while pods move', async () => {
      await cluster.apply(
        echoDeployment('local', 1, { 'kubernetes.io/hostname': 'node-1' }),
        loadBalancerService('local', 'local', { externalTrafficPolicy: 'Local' }),
      );
      await cluster.rolledOut('local');
      const address = await cluster.address('local');
      await nodesForward(address);
      const probe = prober.probe({ address, port: 80, httpPath: '/' });
      for (const node of ['node-2', 'node-3', 'node-1']) {
        await cluster.apply(echoDeployment('local', 1, { 'kubernetes.io/hostname': node }));
        await cluster.rolledOut('local');
        await eventually(async () => expect(await localTargets(lab, cluster)).toEqual([node]));
      }
      const report = await probe.stop();
      expect({ failures: report.failures, outages: report.outages }).toEqual({ failures: {}, outages: [] });
      expect(report.ok).toBeGreaterThan(100);
    });

    it.each([
      ['is deleted', (name: string) => cluster.kubectl(['delete', 'service', name, '--timeout=20s'])],
      ['becomes a ClusterIP', (name: string) => cluster.apply(loadBalancerService(name, 'web', { type: 'ClusterIP' }))],
    ])('leaves nothing on any machine when it %s, and its address is free again', async (_how, end) => {
      await cluster.apply(loadBalancerService('gone', 'web'));
      const address = await cluster.address('gone');
      await eventually(async () => {
        for (const { name } of lab.site.machines) {
          expect(await tracesOf(lab, name, address)).toEqual(expect.arrayContaining(SERVED_AT));
        }
      });

      await end('gone');
      await eventually(async () => {
        for (const machine of lab.site.machines) expect(await tracesOf(lab, machine.name, address)).toEqual([]);
      });
      await eventually(async () => {
        const left = await cluster.service('gone').catch(() => undefined);
        expect(left?.metadata.finalizers ?? []).toEqual([]);
        expect(left?.status.conditions?.filter(({ type }) => type.startsWith('fairlead.dev/')) ?? []).toEqual([]);
        expect(left?.status.loadBalancer.ingress ?? []).toEqual([]);
      });
      await cluster.apply(loadBalancerService('next', 'web', { loadBalancerIP: address }));
      expect(await cluster.address('next')).toBe(address);
      await cluster.kubectl(['delete', 'service', 'next', 'gone', '--ignore-not-found', '--timeout=20s']);
    });
  },
);

/** Nodes that HAProxy on the owner would now send a connection of Service "local" to. */
async function localTargets(lab: Lab, cluster: Cluster): Promise<string[]> {
  const { spec } = await cluster.service('local');
  const port = spec.ports[0]!.nodePort!;
  const names = new Set<string>();
  for (const machine of lab.site.machines) {
    const config = await lab.readFile(machine.name, '/etc/haproxy/haproxy.cfg');
    for (const match of config.matchAll(/server \S+ (10\.9\.2\.\d+):(\d+)/g)) {
      if (Number(match[2]) !== port) continue;
      names.add(lab.site.nodes.find((node) => node.address === match[1])!.name);
    }
  }
  return [...names].sort();
}
