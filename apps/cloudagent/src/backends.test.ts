import { address, type Endpoint } from '@fairlead/model';
import { siteYaml } from '@fairlead/testing';
import { expect, it } from 'vitest';
import { admitNode, admitPorts, judgeBackendMode } from './backends.ts';
import { ensure } from './decisions/ensure.ts';
import { syncNodes } from './decisions/sync-nodes.ts';
import type { MutableTruth } from './truth/mutable-truth.ts';
import { planSet } from './plan.ts';
import { decide, node, service, truthOf } from './testing/site.ts';

const STATIC = siteYaml().replace('podCIDRs: [10.200.0.0/16]', 'podCIDRs: [10.200.0.0/16], podRoutes: static');
const WITHOUT = siteYaml().replace(', podCIDRs: [10.200.0.0/16]', '');

function pods(...endpoints: readonly (readonly [name: string, text: string, node?: string | undefined])[]) {
  const all = endpoints.map(([name, text, on]): Endpoint => {
    return { name, address: address(text), port: 80, draining: false, ...(on === undefined ? {} : { node: on }) };
  });
  const ports = [{ ...service('a').ports[0]!, target: { kind: 'endpoints' as const, endpoints: all } }];
  return service('a', { backendMode: 'pod', ports });
}

function withNodes(truth: MutableTruth, ...nodes: readonly ReturnType<typeof node>[]): MutableTruth {
  decide(truth, (current) => syncNodes(current, { cluster: 'prod', full: true, upsert: nodes, remove: [] }, 1));
  return truth;
}

it('pods are refused as backends when their cluster declares none, with what to do', () => {
  const truth = truthOf(WITHOUT);
  const answer = decide(truth, (current) => ensure(current, pods(['p', '10.200.1.5', 'n1']), 1));
  expect(answer).toMatchObject({
    refused: { reason: 'POD_MODE_NOT_ROUTED', message: expect.stringContaining('Cluster prod declares no podCIDRs') },
  });
  expect(judgeBackendMode(service('a'), truth)).toBeUndefined();
  expect(judgeBackendMode(pods(), truthOf())).toBeUndefined();
});

it.each<[string, string, string | undefined, string]>([
  ['an LB machine', '10.0.0.21', undefined, 'is LB machine lb-2 itself'],
  ['a VIP', '10.0.0.150', undefined, 'is an address of VipPool default'],
  ['loopback', '127.0.0.1', undefined, 'is a loopback address'],
  ['link-local', '169.254.1.1', undefined, 'is a link-local address'],
  ['multicast', '224.0.0.1', undefined, 'is a multicast address'],
  ['somewhere else', '10.7.0.1', undefined, 'is outside the nodeCIDRs and podCIDRs of Cluster prod'],
  ['a pod on no node', '10.200.1.5', undefined, 'there is no way to 10.200.1.5: it is on no node'],
  ['a pod on an unknown node', '10.200.1.5', 'n9', 'it is on no node that is known'],
  ['a pod whose node does not route it', '10.200.1.5', 'n2', 'node n2 has no pod range with it'],
])('%s is left out', (_what, text, on, why) => {
  const truth = withNodes(
    truthOf(STATIC),
    node('n1', '10.0.0.101', { podCidrs: ['10.200.1.0/24'] }),
    node('n2', '10.0.0.102', { podCidrs: ['10.200.2.0/24'] }),
  );
  const admitted = admitPorts(pods(['ok', '10.200.1.4', 'n1'], ['bad', text, on]), truth);
  expect(admitted.ports[0]!.target).toMatchObject({ endpoints: [{ name: 'ok' }] });
  expect(admitted.refused).toMatchObject([{ name: 'bad', refusal: { message: expect.stringContaining(why) } }]);
});

it('pods in the network of their nodes, and those that the network routes, need no way of ours', () => {
  const hostNetwork = pods(['host', '10.0.0.101', 'n1']);
  expect(admitPorts(hostNetwork, truthOf(STATIC)).refused).toEqual([]);
  expect(admitPorts(pods(['p', '10.200.1.5']), truthOf()).refused).toEqual([]);
});

it('a node draws no traffic but that to its own pods', () => {
  const podCidrs = ['10.200.1.0/24', '0.0.0.0/0', '10.0.0.0/25', '10.199.0.0/15'];
  const judged = admitNode(node('n1', '10.0.0.101', { podCidrs }), 'prod', truthOf(STATIC));
  expect(judged.node.podCidrs).toEqual(['10.200.1.0/24']);
  expect(judged.refused?.message).toContain('0.0.0.0/0 is outside the podCIDRs of Cluster prod');
  // Where nothing is routed nobody has to hear of it.
  expect(admitNode(node('n1', '10.0.0.101', { podCidrs }), 'prod', truthOf()).refused).toBeUndefined();
});

it('a node that comes later opens the way to its pods', () => {
  const truth = truthOf(STATIC);
  decide(truth, (current) => ensure(current, pods(['p', '10.200.1.5', 'n1']), 1));
  const placed = new WeakMap();
  const endpoints = (): unknown =>
    planSet(truth, 'default', placed).loadBalancers.get('uid-a')!.loadBalancer.ports[0]!.target;
  expect(endpoints()).toMatchObject({ endpoints: [] });
  withNodes(truth, node('n1', '10.0.0.101', { podCidrs: ['10.200.1.0/24'] }));
  expect(endpoints()).toMatchObject({ endpoints: [{ name: 'p' }] });
});
