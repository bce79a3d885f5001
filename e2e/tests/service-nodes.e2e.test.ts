import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { type Served, startServed, WEB_AND_LINES } from './served.ts';

const LOCAL = { externalTrafficPolicy: 'Local' };

let lab: Served['lab'];
let cluster: Served['cluster'];
let prober: Served['prober'];
let answer: Served['answer'];
let targets: Served['targets'];
let untilNodes: Served['untilNodes'];
let serve: Served['serve'];

beforeAll(async () => {
  ({ lab, cluster, prober, answer, targets, untilNodes, serve } = await startServed('service-nodes'));
});
afterAll(async () => {
  await lab?.down();
});

/** Pins an app to one node. */
const on = (node: string) => ({ 'kubernetes.io/hostname': node });

describe('externalTrafficPolicy', () => {
  it('is switched live, with the same address and without a lost connection', async () => {
    await cluster.apply(echoDeployment('switch', 1, on('node-1')));
    await cluster.rolledOut('switch');
    const address = await serve('switch', 'switch');
    await untilNodes('switch', ['node-1', 'node-2', 'node-3']);
    const hold = prober.hold({ address, port: 9000, connections: 6 });
    await eventually(async () => expect((await hold.report()).lines).toBeGreaterThan(6));
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    const follow = async (externalTrafficPolicy: string, expected: readonly string[]): Promise<void> => {
      await cluster.apply(loadBalancerService('switch', 'switch', { ...WEB_AND_LINES, externalTrafficPolicy }));
      await untilNodes('switch', expected);
      expect(await cluster.address('switch')).toBe(address);
    };
    await follow('Local', ['node-1']);
    // Those through the nodes that left end after the drain time, and only they.
    await eventually(async () => expect((await hold.report()).broken).toHaveLength(4), 15);
    const { failures, outages } = await probe.stop();
    expect({ failures, outages }).toEqual({ failures: {}, outages: [] });
    await follow('Cluster', ['node-1', 'node-2', 'node-3']);
    await eventually(() => answer(address));
    expect((await hold.stop()).open).toBe(2);
  });

  it('Local loses no connection while a Deployment is rolled over under load', async () => {
    await cluster.apply(echoDeployment('roll', 2));
    await cluster.rolledOut('roll');
    const address = await serve('roll', 'roll', LOCAL);
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await cluster.kubectl(['rollout', 'restart', 'deployment/roll']);
    await cluster.rolledOut('roll');
    const { failures, outages, ok } = await probe.stop();
    expect({ failures, outages }).toEqual({ failures: {}, outages: [] });
    expect(ok).toBeGreaterThan(100);
  });

  it('Local gives pods that end no new connection, and leaves them those they have', async () => {
    await cluster.apply(echoDeployment('ends', 1, on('node-1')));
    await cluster.rolledOut('ends');
    const address = await serve('ends', 'ends', LOCAL);
    const [old] = await cluster.pods('ends');
    const hold = prober.hold({ address, port: 9000, connections: 3 });
    await eventually(async () => expect((await hold.report()).open).toBe(3));
    await cluster.apply(echoDeployment('ends', 1, on('node-2')));
    await cluster.rolledOut('ends');
    await eventually(async () => expect((await answer(address)).pod).not.toBe(old!.metadata.name));
    await untilNodes('ends', ['node-2']);
    // It waits for its last connection, for as long as it may.
    expect(await hold.report()).toMatchObject({ open: 3, broken: [], backends: { [old!.metadata.name]: 3 } });
    await hold.stop();
  });

  it('Local serves by pods that end when no other is left', async () => {
    await cluster.apply(echoDeployment('last', 1, on('node-3')));
    await cluster.rolledOut('last');
    const address = await serve('last', 'last', LOCAL);
    const [only] = await cluster.pods('last');
    // Its program goes on accepting for two seconds after it was told to end.
    const hold = prober.hold({ address, port: 9000 });
    await cluster.kubectl(['scale', 'deployment/last', '--replicas=0']);
    const { spec } = await cluster.service('last');
    const healthy = `http://${lab.site.nodes[2]!.address}:${spec.healthCheckNodePort}/healthz`;
    await eventually(async () => {
      expect((await lab.must('client', ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', healthy])).trim()).toBe(
        '503',
      );
    });
    expect((await answer(address)).pod).toBe(only!.metadata.name);
    await hold.stop();
  });

  it('a node that says 503 gets no new connection, and keeps those it has', async () => {
    await cluster.apply(echoDeployment('unwell', 2));
    await cluster.rolledOut('unwell');
    const address = await serve('unwell', 'unwell', LOCAL);
    const both = prober.probe({ address, port: 9000 });
    await eventually(async () => expect(Object.keys((await both.report({ reset: true })).backends)).toHaveLength(2));
    await both.stop();
    const hold = prober.hold({ address, port: 9000, connections: 4 });
    await eventually(async () => expect(Object.keys((await hold.report()).backends)).toHaveLength(2));
    const [sick, well] = await cluster.pods('unwell');
    const podIP = await cluster.kubectl(['get', 'pod', sick!.metadata.name, '-o', 'jsonpath={.status.podIP}']);
    await lab.must(sick!.spec.nodeName!, ['curl', '-sf', '-X', 'PUT', '-d', 'false', `http://${podIP}:8080/ready`]);
    await untilNodes('unwell', [well!.spec.nodeName!]);
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await eventually(async () => expect((await probe.report()).ok).toBeGreaterThan(30));
    expect(Object.keys((await probe.stop()).backends)).toEqual([well!.metadata.name]);
    expect(await hold.stop()).toMatchObject({ open: 4, broken: [] });
  });
});

describe('a node', () => {
  const ALL = ['node-1', 'node-2', 'node-3'];
  let address: string;

  beforeAll(async () => {
    await cluster.apply(echoDeployment('nodes', 1, on('node-1')));
    await cluster.rolledOut('nodes');
    address = await serve('nodes', 'nodes');
    await untilNodes('nodes', ALL);
  });

  const annotate = (node: string, value: string) => cluster.kubectl(['annotate', 'node', node, value, '--overwrite']);
  const label = (node: string, value: string) => cluster.kubectl(['label', 'node', node, value, '--overwrite']);
  const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';

  it.each([
    ['an empty label', `${EXCLUDE}=`],
    ['"true"', `${EXCLUDE}=true`],
    ['a slip', `${EXCLUDE}=flase`],
  ])('is left out by %s, and is in again by "false"', async (_what, set) => {
    await label('node-2', set);
    expect(await untilNodes('nodes', ['node-1', 'node-3'])).not.toContain('node-2');
    await label('node-2', `${EXCLUDE}=false`);
    await untilNodes('nodes', ALL);
    await label('node-2', `${EXCLUDE}-`);
  });

  it('that the autoscaler takes away is left out at once', async () => {
    await cluster.kubectl(['taint', 'node', 'node-2', 'ToBeDeletedByClusterAutoscaler=1:PreferNoSchedule']);
    expect(await untilNodes('nodes', ['node-1', 'node-3'])).not.toContain('node-2');
    await cluster.kubectl(['taint', 'node', 'node-2', 'ToBeDeletedByClusterAutoscaler-']);
    await untilNodes('nodes', ALL);
  });

  it('that is being deleted is left out, though somebody still holds it', async () => {
    await cluster.kubectl([
      'patch',
      'node',
      'node-3',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":["example.com/hold"]}}',
    ]);
    await cluster.kubectl(['delete', 'node', 'node-3', '--wait=false']);
    expect(await untilNodes('nodes', ['node-1', 'node-2'])).not.toContain('node-3');
    await cluster.kubectl(['patch', 'node', 'node-3', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    // Its kubelet registers it again when it begins anew.
    await lab.kill('node-3', 'kubelet');
    await untilNodes('nodes', ALL);
    await cluster.kubectl(['wait', 'node/node-3', '--for=condition=Ready', '--timeout=20s']);
  });

  it('that is cordoned or not ready stays: health checks decide', async () => {
    await cluster.kubectl(['cordon', 'node-2']);
    const conditions = [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'a test' }];
    const status = JSON.stringify({ status: { conditions } });
    await cluster.kubectl(['patch', 'node', 'node-2', '--subresource=status', '-p', status]);
    await label('node-3', `${EXCLUDE}=true`);
    // What came after it has arrived.
    expect(await untilNodes('nodes', ['node-1', 'node-2'])).toContain('node-2');
    await label('node-3', `${EXCLUDE}-`);
    await cluster.kubectl(['uncordon', 'node-2']);
    await untilNodes('nodes', ALL);
  });

  it('that gets another InternalIP is followed there', async () => {
    const moved = { type: 'InternalIP', address: '10.9.2.99' };
    const patch = JSON.stringify({ status: { addresses: [moved, { type: 'Hostname', address: 'node-2' }] } });
    await lab.must('node-2', ['ip', 'address', 'add', '10.9.2.99/16', 'dev', 'eth0']);
    await lab.kill('node-2', 'kubelet', 'STOP');
    await cluster.kubectl(['patch', 'node', 'node-2', '--subresource=status', '--type=merge', '-p', patch]);
    // A node port that does not answer at its new address gets connections after ten seconds.
    await eventually(async () => expect((await targets('nodes')).join()).toContain('10.9.2.99:'), 20);
    expect((await targets('nodes')).join()).not.toContain('10.9.2.2:');
    await eventually(() => answer(address));
    await lab.kill('node-2', 'kubelet', 'CONT');
    await untilNodes('nodes', ALL);
    await lab.must('node-2', ['ip', 'address', 'del', '10.9.2.99/16', 'dev', 'eth0']);
  });

  it('in maintenance gets no new connection, keeps the old ones for drainTimeout, and is seen to', async () => {
    const hold = prober.hold({ address, port: 9000, connections: 9 });
    await eventually(async () => expect((await hold.report()).lines).toBeGreaterThan(9));
    await annotate('node-2', 'fairlead.dev/maintenance=new disk');
    await untilNodes('nodes', ['node-1', 'node-3']);
    await eventually(async () => {
      const shown = await lab.fairlead(['get', 'services', '-o', 'wide']);
      const row = shown.split('\n').find((line) => / nodes /.test(line))!;
      expect(row).toMatch(/node-2 3 \(\d+s\)/);
    });
    const metrics = await Promise.all(
      lab.site.machines.map(({ address: machine }) =>
        lab.must('client', ['curl', '-sf', `http://${machine}:7431/metrics`]),
      ),
    );
    expect(metrics.join('\n').match(/^fairlead_lbagent_draining_connections [1-9]\d*$/gm)).toHaveLength(1);
    expect((await hold.report()).open).toBe(9);
    const drained = await eventually(async () => {
      const report = await hold.report();
      expect(report.open).toBe(6);
      return report;
    }, 20);
    expect(drained.broken).toHaveLength(3);
    await hold.stop();
    await annotate('node-2', 'fairlead.dev/maintenance-');
    await untilNodes('nodes', ALL);
  });

  it('goes on serving when every node is on its way out', async () => {
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    for (const node of ALL) await annotate(node, 'fairlead.dev/maintenance=all');
    await eventually(async () => expect((await probe.report()).ok).toBeGreaterThan(100));
    await untilNodes('nodes', ALL);
    for (const node of ALL) await annotate(node, 'fairlead.dev/maintenance-');
    const { failures } = await probe.stop();
    expect(failures).toEqual({});
  });
});
