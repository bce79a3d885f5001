import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { planSite, type SiteOptions } from './plan.ts';
import { renderSiteFile } from './site-file.ts';

const OPTIONS: SiteOptions = {
  nodes: 2,
  machines: 2,
  declareMachines: true,
  advertInterval: '100ms',
  quarantine: '0s',
  controlPlane: false,
  dualStack: false,
  staticLoadBalancers: ['web'],
};

interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

function documents(options: Partial<SiteOptions> = {}): Document[] {
  const all = { ...OPTIONS, ...options };
  return parseAllDocuments(renderSiteFile(planSite(all), all)).map((each) => each.toJS() as Document);
}

test('the site file declares every machine where the lab puts it, and a load balancer for the nodes', () => {
  const named = documents().map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  expect(named).toEqual([
    'Network/lan',
    'VipPool/default',
    'NodeIpPool/machines',
    'LoadBalancerSet/default',
    'Machine/lb-1',
    'Machine/lb-2',
    'Cluster/lab',
    'LoadBalancer/web',
  ]);
  expect(documents().find(({ metadata }) => metadata.name === 'web')?.spec['backends']).toEqual([
    { name: 'node-1', address: '10.9.2.1' },
    { name: 'node-2', address: '10.9.2.2' },
  ]);
});

test('with a control plane its address comes from a pool of its own that nobody else gets', () => {
  const all = documents({ controlPlane: true });
  expect(all.find(({ metadata }) => metadata.name === 'control-plane')?.spec).toMatchObject({ autoAssign: false });
  expect(all.find(({ kind }) => kind === 'LoadBalancerSet')?.spec['vipPools']).toEqual(['default', 'control-plane']);
  expect(all.find(({ kind }) => kind === 'Cluster')?.spec['controlPlane']).toEqual({
    vipPool: 'control-plane',
    address: '10.9.100.250',
    port: 6443,
    backends: ['10.9.0.10'],
  });
});

test.each([
  [{ machines: 9 }, 'machines: 9 does not do, give a whole number from 1 to 8'],
  [{ nodes: 0 }, 'nodes: 0 does not do, give a whole number from 1 to 99'],
  [{ nodes: Number('x') }, 'nodes: NaN does not do, give a whole number from 1 to 99'],
])('%j is refused', (options, message) => {
  expect(() => planSite({ ...OPTIONS, ...options })).toThrow(message);
});
