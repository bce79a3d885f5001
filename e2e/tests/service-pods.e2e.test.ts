import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { echoDeployment, loadBalancerService } from './cluster.ts';
import { eventually } from './eventually.ts';
import { type Served, startServed, WEB_AND_LINES } from './served.ts';

let lab: Served['lab'];
let cluster: Served['cluster'];
let prober: Served['prober'];
let answer: Served['answer'];
let targets: Served['targets'];
let untilNodes: Served['untilNodes'];
let serve: Served['serve'];

beforeAll(async () => {
  ({ lab, cluster, prober, answer, targets, untilNodes, serve } = await startServed('service-pods'));
});
afterAll(async () => {
  await lab?.down();
});

describe('pod mode', () => {
  const POD = { 'fairlead.dev/backend-mode': 'pod' };
  const direct = (name: string, app: string, spec: Record<string, unknown> = {}) => ({
    ...(loadBalancerService(name, app, { ...WEB_AND_LINES, ...spec }) as object),
    metadata: { name, annotations: POD },
  });
  /** Where ready pods of the app are reached. */
  const podTargets = async (app: string): Promise<string[]> => {
    const ips = await cluster.kubectl(['get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[*].status.podIP}']);
    return ips
      .split(' ')
      .map((podIP) => `${podIP}:8080`)
      .sort();
  };

  it('sends connections straight to the pods, by named port, over routes through their nodes', async () => {
    await cluster.apply(direct('direct', 'web'));
    const address = await cluster.address('direct');
    await eventually(async () => expect(await targets('direct')).toEqual(await podTargets('web')));
    const pods = (await cluster.pods('web')).map(({ metadata }) => metadata.name).sort();
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await eventually(async () => expect(Object.keys((await probe.report()).backends).sort()).toEqual(pods));
    expect((await probe.stop()).failures).toEqual({});
    // No node stood between: the pod sees the LB machine.
    expect(lab.site.machines.map((machine) => machine.address)).toContain((await answer(address)).saw);
    for (const machine of lab.site.machines) {
      const routes = await lab.must(machine.name, ['ip', 'route', 'show', 'proto', '146']);
      for (const { podCidr, address: via } of lab.site.nodes) expect(routes).toContain(`${podCidr} via ${via} `);
    }
  });

  it('is what a Service without node ports gets', async () => {
    await cluster.apply(loadBalancerService('bare', 'web', { ...WEB_AND_LINES, allocateLoadBalancerNodePorts: false }));
    const address = await cluster.address('bare');
    expect((await cluster.service('bare')).spec.ports.map(({ nodePort }) => nodePort)).toEqual([undefined, undefined]);
    expect((await answer(address)).pod).toMatch(/^web-/);
  });

  it('is switched on and off live, with the same address', async () => {
    const address = await serve('mode', 'web');
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await cluster.apply(direct('mode', 'web'));
    await eventually(async () => expect(await targets('mode')).toEqual(await podTargets('web')));
    await cluster.kubectl(['annotate', 'service', 'mode', 'fairlead.dev/backend-mode-']);
    await untilNodes('mode', ['node-1', 'node-2', 'node-3']);
    const { failures } = await probe.stop();
    expect({ failures, address: await cluster.address('mode') }).toEqual({ failures: {}, address });
  });

  it('loses no connection while a Deployment is rolled over, and leaves pods that end those they have', async () => {
    await cluster.apply(echoDeployment('rolled', 2), direct('rolled', 'rolled'));
    await cluster.rolledOut('rolled');
    const address = await cluster.address('rolled');
    await eventually(() => answer(address));
    const hold = prober.hold({ address, port: 9000, connections: 4 });
    await eventually(async () => expect((await hold.report()).open).toBe(4));
    const probe = prober.probe({ address, port: 80, httpPath: '/' });
    await cluster.kubectl(['rollout', 'restart', 'deployment/rolled']);
    await cluster.rolledOut('rolled');
    await eventually(async () => expect(await targets('rolled')).toEqual(await podTargets('rolled')), 20);
    expect((await probe.stop()).failures).toEqual({});
    await hold.stop();
  });

  it('leaves out what is no pod of the cluster, and says so on the Service', async () => {
    const [pod] = await cluster.pods('web');
    const podIP = (await podTargets('web'))[0]!.split(':')[0]!;
    const node = lab.site.nodes.find(({ podCidr }) => podIP.startsWith(podCidr.split('.').slice(0, 3).join('.')))!;
    const endpoint = (address: string, name: string) => ({
      addresses: [address],
      nodeName: node.name,
      targetRef: { kind: 'Pod', name, namespace: 'default' },
    });
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'aimed-1', labels: { 'kubernetes.io/service-name': 'aimed' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        endpoint(podIP, pod!.metadata.name),
        endpoint(lab.site.machines[0]!.address, 'machine'),
        endpoint(lab.site.cloudagent.address, 'elsewhere'),
        endpoint('10.200.77.7', 'nowhere'),
      ],
    };
    const service = direct('aimed', 'web');
    const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
    await cluster.apply({ ...service, spec: { type: 'LoadBalancer', ports } }, slice);
    const address = await cluster.address('aimed', 20);
    await eventually(() => answer(address));
    expect(await targets('aimed')).toEqual([`${podIP}:8080`]);
    const condition = await eventually(async () => {
      const found = await cluster.condition('aimed', 'Programmed', 'True');
      expect(found.reason).toBe('BackendLeftOut');
      return found;
    });
    expect(condition.message).toMatch(
      /^backend elsewhere is left out: 10\.9\.0\.11 is outside the nodeCIDRs and podCIDRs/,
    );
    await eventually(async () => {
      const warnings = (await cluster.events('aimed')).filter(({ type }) => type === 'Warning');
      expect(warnings.map(({ message }) => message)).toContain(condition.message);
    });
  });
});
