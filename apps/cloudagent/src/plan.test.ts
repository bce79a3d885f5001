import { address, type LoadBalancer, type MachineState, type Port } from '@fairlead/model';
import { siteYaml } from '@fairlead/testing';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyResources } from './decisions/apply-resources.ts';
import { ensure } from './decisions/ensure.ts';
import { unsettledSets } from './decisions/settle-sets.ts';
import { remove } from './decisions/remove.ts';
import { syncNodes } from './decisions/sync-nodes.ts';
import { isEqual } from './equal.ts';
import { MutableTruth } from './truth/mutable-truth.ts';
import { diff, isEmptyDelta } from './machines/plan-diff.ts';
import { planMachine, planSet, prioritiesOf } from './plan.ts';
import { resourcesOf } from './resources/stored.ts';
import { applyDelta } from './testing/apply-delta.ts';
import { decide, node, service, truthOf } from './testing/site.ts';
import type { Truth } from './truth/truth.ts';

const CONTROL_PLANE = `---
apiVersion: fairlead.dev/v1
kind: Cluster
metadata: {name: edge}
spec: {loadBalancerSet: default, nodeCIDRs: [10.0.0.0/24], controlPlane: {port: 6443, backends: [10.0.0.110, 10.0.0.111]}}
---
apiVersion: fairlead.dev/v1
kind: LoadBalancer
metadata: {name: registry}
spec: {loadBalancerSet: default, ports: [{name: https, port: 443, targetPort: 8443}], backends: [{name: a, address: 10.5.0.5}]}
`;

/** The site with addresses of IPv6 too. */
function bothFamilies(yaml: string): string {
  return yaml
    .replace('subnets: [10.0.0.0/24]', 'subnets: [10.0.0.0/24, "fd00::/64"]')
    .replace('ranges: [10.0.0.150', 'ranges: ["fd00::150-fd00::1ff", 10.0.0.150');
}

const HTTP: Port = service('x').ports[0]!;
const PODS: Port['target'] = {
  kind: 'endpoints',
  endpoints: [
    { name: 'p1', address: address('10.200.1.5'), port: 8080, draining: false, node: 'n1' },
    { name: 'p2', address: address('10.200.1.6'), port: 8080, draining: true, node: 'n2' },
  ],
};

/** A Service of each kind. */
const KINDS: readonly Partial<LoadBalancer>[] = [
  {},
  { ports: [{ ...HTTP, port: 81 }] },
  { ports: [{ ...HTTP, protocol: 'UDP' }, HTTP] },
  { ports: [{ ...HTTP, proxyProtocol: 2 }], options: { algorithm: 'leastconn', maxConnections: 5 } },
  { affinity: { timeoutSeconds: 60 }, drainTimeoutMs: 5_000 },
  { sourceRanges: ['10.0.0.0/8', 'fd00::/8'] },
  { sharingKey: 'web', ports: [{ ...HTTP, port: 8443 }] },
  { families: ['ipv6', 'ipv4'] },
  { families: ['ipv4', 'ipv6'], familiesOptional: true },
  { backendMode: 'pod', ports: [{ ...HTTP, target: PODS, check: { kind: 'tcp' } }] },
];

function stateOf(truth: Truth, machine = 'lb-1'): MachineState {
  return planMachine(truth, machine, planSet(truth, 'default'))!;
}

/** Every order kept, so that equal text means equal bytes on the wire. */
function bytes(state: MachineState): string {
  return JSON.stringify(state, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

describe('the state of a machine', () => {
  it('says who is in the set, what carries the addresses, and where', () => {
    const { config } = stateOf(truthOf(), 'lb-2');
    expect(config).toEqual({
      machine: 'lb-2',
      loadBalancerSet: 'default',
      members: [
        { name: 'lb-1', address: '10.0.0.20' },
        { name: 'lb-2', address: '10.0.0.21' },
      ],
      vrrpInstances: [
        {
          name: 'default',
          virtualRouterId: expect.any(Number),
          anchorAddress: '10.0.0.29',
          network: 'lan',
          advertIntervalMs: 100,
          priorities: { 'lb-1': 250, 'lb-2': 225 },
        },
      ],
      networks: [{ network: 'lan', device: 'eth0', subnets: ['10.0.0.0/24'], gateways: ['10.0.0.1'], announce: true }],
    });
  });

  it('has each node once per cluster, and never one that may not be a backend', () => {
    const truth = truthOf();
    const upsert = [node('n2', '10.0.0.102'), node('n1', '10.0.0.101'), node('evil', '10.0.0.20')];
    decide(truth, (current) => syncNodes(current, { cluster: 'prod', full: true, upsert, remove: [] }, 1));
    decide(truth, (current) => ensure(current, service('a'), 1));
    decide(truth, (current) => ensure(current, service('b'), 1));
    const { nodeSets, loadBalancers } = stateOf(truth);
    expect(nodeSets.get('prod')!.nodes.map(({ name }) => name)).toEqual(['n1', 'n2']);
    expect(nodeSets.get('prod')).toMatchObject({ maxBackends: 16, check: 'auto' });
    expect([...loadBalancers.keys()]).toEqual(['uid-a', 'uid-b']);
    expect(loadBalancers.get('uid-a')!.addresses).toEqual([
      { address: '10.0.0.150', network: 'lan', vrrpInstance: 'default' },
    ]);
  });

  it('leaves out endpoints that may not be backends, and keeps the others', () => {
    const truth = truthOf();
    const endpoint = (name: string, text: string) => ({ name, address: address(text), port: 80, draining: false });
    const endpoints = [endpoint('ok', '10.200.1.5'), endpoint('self', '10.0.0.21'), endpoint('lo', '127.0.0.1')];
    const port = { ...service('a').ports[0]!, target: { kind: 'endpoints' as const, endpoints } };
    decide(truth, (current) => ensure(current, service('a', { ports: [port] }), 1));
    const placed = stateOf(truth).loadBalancers.get('uid-a')!;
    expect(placed.loadBalancer.ports[0]!.target).toMatchObject({ endpoints: [{ name: 'ok' }] });
  });

  it('serves control planes and static load balancers before any controller speaks', () => {
    const { loadBalancers } = stateOf(truthOf(siteYaml({ more: CONTROL_PLANE })));
    expect([...loadBalancers].map(([id, placed]) => [id, placed.addresses[0]!.address])).toEqual([
      ['control-plane/edge', '10.0.0.150'],
      ['static/registry', '10.0.0.151'],
    ]);
    expect(loadBalancers.get('control-plane/edge')!.loadBalancer.ports[0]).toMatchObject({
      port: 6443,
      check: { kind: 'tcp' },
      target: { kind: 'endpoints', endpoints: [{ address: '10.0.0.110', port: 6443 }, { address: '10.0.0.111' }] },
    });
  });

  it('is the same bytes whatever order the truth came in', () => {
    const wishes = KINDS.map((kind, index) => service(`s${index}`, kind));
    const nodes = [node('n1', '10.0.0.101'), node('n2', '10.0.0.102'), node('n3', '10.0.0.103')];
    const yaml = bothFamilies(siteYaml({ vips: 20, more: CONTROL_PLANE }));
    const resources = resourcesOf(yaml);
    const truth = truthOf(yaml);
    decide(truth, (current) => syncNodes(current, { cluster: 'prod', full: true, upsert: nodes, remove: [] }, 1));
    for (const wish of wishes) decide(truth, (current) => ensure(current, wish, 1));
    expect(stateOf(truth).loadBalancers.size).toBe(KINDS.length + 2);
    const shuffled = <Item>(items: readonly Item[]) =>
      fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
    const orders = fc.record({
      resources: shuffled(resources),
      nodes: shuffled(nodes),
      held: shuffled([...truth.loadBalancers]),
      holdings: shuffled([...truth.book.holdings()]),
    });
    fc.assert(
      fc.property(orders, (order) => {
        const other = new MutableTruth(order.holdings, []);
        other.take({
          resources: new Map(order.resources.map((resource) => [`${resource.kind}/${resource.name}`, resource])),
          nodes: new Map([['prod', new Map(order.nodes.map((member) => [member.name, member]))]]),
          loadBalancers: new Map(order.held),
          sets: truth.sets,
        });
        expect(bytes(stateOf(other))).toBe(bytes(stateOf(truth)));
      }),
      { numRuns: 100 },
    );
  });
});

describe('a set', () => {
  const twoSets = siteYaml({
    more: `---
apiVersion: fairlead.dev/v1
kind: LoadBalancerSet
metadata: {name: other}
spec: {sku: haproxy, count: 1, nodeIpPool: machines, vipPools: [default]}
`,
  });

  it('gets a VRID and a VRRP address that no other set on the network has, and keeps them', () => {
    const truth = truthOf(twoSets);
    const first = new Map(truth.sets);
    expect(new Set([...first.values()].map(({ virtualRouterId }) => virtualRouterId)).size).toBe(2);
    expect([...first.values()].map(({ anchorAddress }) => anchorAddress)).toEqual(['10.0.0.29', '10.0.0.28']);
    const put = resourcesOf(siteYaml({ vips: 20 }));
    decide(truth, (current) => applyResources(current, { put, remove: [] }, { siteName: 'test', now: 1 }));
    expect(truth.sets).toEqual(first);
  });

  it('that moves to another network as a whole gets a VRRP address there', () => {
    const truth = truthOf();
    const elsewhere = siteYaml().replaceAll('10.0.0.', '10.7.0.').replaceAll('name: lan', 'name: wan');
    const put = resourcesOf(elsewhere.replaceAll('network: lan', 'network: wan'));
    const context = { siteName: 'test', now: 1 };
    decide(truth, (current) => applyResources(current, { put, remove: ['Network/lan'] }, context));
    expect(truth.sets.get('default')).toMatchObject({ anchorAddress: '10.7.0.29', network: 'wan' });
  });

  it('without a free address for VRRP is served by nobody, and this is told', () => {
    const truth = truthOf(siteYaml().replace('10.0.0.20-10.0.0.29', '10.0.0.20-10.0.0.21'));
    expect(unsettledSets(truth)).toEqual([
      'LoadBalancerSet/default has no VRRP address: add a free one to NodeIpPool/machines',
    ]);
    decide(truth, (current) => ensure(current, service('a'), 1));
    const state = stateOf(truth);
    expect([state.config.vrrpInstances, [...state.loadBalancers.keys()]]).toEqual([[], []]);
  });

  it('has priorities 250, 225, 200 … in order of name, all above zero however many there are', () => {
    expect(prioritiesOf(['a', 'b', 'c'])).toEqual({ a: 250, b: 225, c: 200 });
    const many = Object.values(prioritiesOf(Array.from({ length: 40 }, (_, index) => `m${index}`)));
    expect(new Set(many).size).toBe(40);
    expect(Math.min(...many)).toBeGreaterThan(0);
  });
});

describe('a delta', () => {
  it('turns the previous state into exactly what the full one says, whatever changed', () => {
    const step = fc.oneof(
      fc.record({ ensure: fc.constantFrom('a', 'b', 'c', 'd'), kind: fc.constantFrom(...KINDS) }),
      fc.record({ remove: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ nodes: fc.subarray(['n1', 'n2', 'n3']), draining: fc.boolean() }),
      fc.record({ machines: fc.subarray(['lb-1', 'lb-2', 'lb-3'], { minLength: 1 }) }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 5 }), (rounds) => {
        const truth = truthOf(bothFamilies(siteYaml()));
        let held = stateOf(truth);
        for (const round of rounds) {
          for (const one of round) takeStep(truth, one);
          const next = stateOf(truth);
          held = applyDelta(held, diff(held, next));
          expect(isEqual(held, next)).toBe(true);
          expect(isEmptyDelta(diff(held, next))).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('of one node is one node, whatever the number of load balancers', () => {
    const truth = truthOf();
    for (const name of ['a', 'b', 'c']) decide(truth, (current) => ensure(current, service(name), 1));
    const before = stateOf(truth);
    const update = { cluster: 'prod', full: false, upsert: [node('n1', '10.0.0.101')], remove: [] };
    decide(truth, (current) => syncNodes(current, update, 1));
    expect(diff(before, stateOf(truth))).toEqual({
      nodeSets: [{ cluster: 'prod', removed: false, upsert: update.upsert, remove: [] }],
      upsert: [],
      remove: [],
    });
  });
});

type Step =
  | { ensure: string; kind: Partial<LoadBalancer> }
  | { remove: string }
  | { nodes: string[]; draining: boolean }
  | { machines: string[] };

function takeStep(truth: MutableTruth, step: Step): void {
  if ('ensure' in step) {
    decide(truth, (current) => ensure(current, service(step.ensure, step.kind), 1));
  } else if ('remove' in step) {
    decide(truth, (current) => remove(current, `uid-${step.remove}`, 1));
  } else if ('nodes' in step) {
    const upsert = step.nodes.map((name) => node(name, `10.0.0.10${name.slice(1)}`, { draining: step.draining }));
    decide(truth, (current) => syncNodes(current, { cluster: 'prod', full: true, upsert, remove: [] }, 1));
  } else {
    const machines = ['lb-1', ...step.machines.filter((name) => name !== 'lb-1')];
    const put = resourcesOf(bothFamilies(siteYaml({ machines })));
    const keys = new Set(put.map(({ kind, name }) => `${kind}/${name}`));
    const gone = [...truth.resources.keys()].filter((key) => !keys.has(key));
    decide(truth, (current) => applyResources(current, { put, remove: gone }, { siteName: 'test', now: 1 }));
  }
}
