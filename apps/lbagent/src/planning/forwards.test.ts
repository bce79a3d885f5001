import { address, type Endpoint, type LoadBalancer, type Node, type Port } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import type { View } from './advance.ts';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import type { Step } from './step.ts';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { carryOut, freshView } from '../testing/fresh-view.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';

const READ = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const VIP = '10.9.0.150';
const KEY = `${VIP}|53/udp`;
const UDP = { protocol: 'UDP' } as const;

const wanted = (ports: readonly Port[], nodes: readonly Node[] = THREE_NODES, held = false): Wanted =>
  wantedOf(
    stateOf([placed('a', VIP, ports)], nodeSet(nodes)),
    held ? { ...READ, heldClusters: new Set(['prod']) } : READ,
  );
const DNS = wanted([nodePort(53, UDP)]);
const LOCAL = wanted([
  nodePort(53, {
    ...UDP,
    target: { kind: 'node-port', nodePort: 30_053, nodes: ['node-1', 'node-2'] },
    check: { kind: 'http', port: 32_000, path: '/healthz' },
  }),
]);

const served = (what: Wanted): View => {
  const view = freshView();
  carryOut(plan(what, view, OPTIONS).steps, view);
  return view;
};
const forwards = (steps: readonly Step[]): readonly string[] =>
  steps.flatMap((step) => {
    if (step.kind === 'stop-forwarding') return [`- ${step.key}`];
    if (step.kind !== 'forward') return [];
    const names = (some: readonly { readonly address: string }[]) =>
      some.map((each) => each.address.slice(-1)).join('');
    return [`${step.key} ${names(step.forward.backends)} ${names(step.forward.draining)}`.trim()];
  });

/** A server, or a shared check, is found alive or dead. */
function find(view: View, backend: string, server: string, up: boolean): void {
  const { servers } = view.worker.backends.get(backend)!;
  servers.set(server, { ...servers.get(server)!, up });
}

it('a UDP port has servers with checks in haproxy, is not caught, and is forwarded to its nodes', () => {
  const { steps } = plan(DNS, freshView(), OPTIONS);
  expect(steps.map(({ kind }) => kind)).not.toContain('catch');
  expect(steps.filter(({ kind }) => kind === 'add-server')).toHaveLength(3);
  expect(forwards(steps)).toEqual([`${KEY} 123`]);
});

it('TCP and UDP on one port number are two services', () => {
  const both = wanted([nodePort(53), nodePort(53, UDP)]);
  expect([...both.services.keys()]).toEqual([`${VIP}|53`, KEY]);
  const { steps } = plan(both, freshView(), OPTIONS);
  expect(steps.flatMap((step) => (step.kind === 'catch' ? [step.key] : []))).toEqual([`${VIP}|53`]);
  expect(forwards(steps)).toEqual([`${KEY} 123`]);
});

it('planning after applying finds nothing to do', () => {
  for (const each of [DNS, LOCAL]) expect(plan(each, served(each), OPTIONS).steps).toEqual([]);
});

it('a node whose check fails gets no more flows, and gets them again', () => {
  const view = served(DNS);
  find(view, 'nodes_healthz', 'n1', false);
  const { steps } = plan(DNS, view, OPTIONS);
  expect(forwards(steps)).toEqual([`${KEY} 13`]);
  carryOut(steps, view);
  find(view, 'nodes_healthz', 'n1', true);
  expect(forwards(plan(DNS, view, OPTIONS).steps)).toEqual([`${KEY} 123`]);
});

it('when no node passes and that is held for a mistake, all get flows', () => {
  const view = served(DNS);
  for (const check of ['n0', 'n1', 'n2']) find(view, 'nodes_healthz', check, false);
  expect(forwards(plan(wanted([nodePort(53, UDP)], THREE_NODES, true), view, OPTIONS).steps)).toEqual([]);
  expect(forwards(plan(DNS, view, OPTIONS).steps)).toEqual([`- ${KEY}`]);
});

it('with policy Local nobody gets flows before healthCheckNodePort has said yes', () => {
  const view = served(LOCAL);
  expect([...view.forwards.keys()]).toEqual([]);
  find(view, 'slot_healthz_0', 'tcp1', true);
  const { steps } = plan(LOCAL, view, OPTIONS);
  expect(forwards(steps)).toEqual([`${KEY} 2`]);
  carryOut(steps, view);
  find(view, 'slot_healthz_0', 'tcp1', false);
  expect(forwards(plan(LOCAL, view, OPTIONS).steps)).toEqual([`- ${KEY}`]);
});

it('a node that drains keeps its flows and gets no new ones', () => {
  const draining = [node('node-1', { draining: true }), ...THREE_NODES.slice(1)];
  const view = served(DNS);
  const { steps } = plan(wanted([nodePort(53, UDP)], draining), view, OPTIONS);
  expect(forwards(steps)).toEqual([`${KEY} 23 1`]);
  carryOut(steps, view);
  expect(forwards(plan(wanted([nodePort(53, UDP)], THREE_NODES.slice(1)), view, OPTIONS).steps)).toEqual([`${KEY} 23`]);
});

it('a backend that is on no node that is known counts as alive, and is asked no connection', () => {
  const endpoints = [{ name: 'a', address: address('10.0.0.5'), port: 53, draining: false }];
  const port = nodePort(53, { ...UDP, target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } });
  const { steps } = plan(wanted([port]), freshView(), OPTIONS);
  expect(steps.flatMap((step) => (step.kind === 'add-server' ? [step.server.check.kind] : []))).toEqual(['none']);
  expect(forwards(steps)).toEqual([`${KEY} 5`]);
});

const ENDPOINTS = [
  { name: 'dns-a', address: address('10.200.1.5'), port: 5353, draining: false, node: 'node-1' },
  { name: 'dns-b', address: address('10.200.2.6'), port: 5353, draining: false, node: 'node-2' },
];
const pods = (endpoints: readonly Endpoint[], nodes: readonly Node[] = THREE_NODES): Wanted => {
  const port = nodePort(53, { ...UDP, target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } });
  return wantedOf(stateOf([placed('a', VIP, [port], { backendMode: 'pod' })], nodeSet(nodes)), READ);
};

it('pods get flows at their own port while their node is alive', () => {
  const all = pods(ENDPOINTS);
  const view = served(all);
  expect(view.forwards.get(KEY)).toBeDefined();
  find(view, 'nodes_healthz', 'n1', false);
  const { steps } = plan(all, view, OPTIONS);
  expect(forwards(steps)).toEqual([`${KEY} 5`]);
  const [step] = steps.filter(({ kind }) => kind === 'forward');
  expect(step).toMatchObject({ forward: { backends: [{ name: 'dns-a', address: '10.200.1.5', port: 5353 }] } });
});

it('a pod that ends keeps its flows, gets no new ones, and is forgotten when it is gone', () => {
  const view = served(pods(ENDPOINTS));
  const ending = [{ ...ENDPOINTS[0]!, draining: true }, ENDPOINTS[1]!];
  const { steps } = plan(pods(ending), view, OPTIONS);
  expect(forwards(steps)).toEqual([`${KEY} 6 5`]);
  carryOut(steps, view);
  expect(forwards(plan(pods(ENDPOINTS.slice(1)), view, OPTIONS).steps)).toEqual([`${KEY} 6`]);
});

it('pods leave with their node, and keep the flows they have', () => {
  const view = served(pods(ENDPOINTS));
  const draining = [node('node-1', { draining: true }), ...THREE_NODES.slice(1)];
  expect(forwards(plan(pods(ENDPOINTS, draining), view, OPTIONS).steps)).toEqual([`${KEY} 6 5`]);
});

it('an address gets flows to backends of its own family alone', () => {
  const [v4, v6] = [ENDPOINTS[0]!, { ...ENDPOINTS[1]!, address: address('fd00::6') }];
  const both = { families: ['ipv4', 'ipv6'], target: { kind: 'endpoints', endpoints: [v4, v6] } } as const;
  const port = nodePort(53, { ...UDP, target: both.target, check: { kind: 'tcp' } });
  const lb = placed('a', [VIP, 'fd00::150'], [port], { families: both.families });
  const asked = wantedOf(stateOf([lb], nodeSet([])), { ...READ, families: both.families });
  const steps = plan(asked, freshView(), OPTIONS).steps;
  expect(forwards(steps)).toEqual([`${KEY} 5`, 'fd00::150|53/udp 6']);
});

describe('clients that stay', () => {
  const spread = (change: Partial<LoadBalancer>, ports = [nodePort(53, UDP)]): Wanted =>
    wantedOf(stateOf([placed('a', VIP, ports, change)], nodeSet(THREE_NODES)), READ);
  const STICKY = { affinity: { timeoutSeconds: 60 } };

  it.each<[string, Partial<LoadBalancer>, true | undefined]>([
    ['with affinity', STICKY, true],
    ['by algorithm source', { options: { algorithm: 'source' } }, true],
    ['not by another algorithm', { options: { algorithm: 'hash' } }, undefined],
    ['not without being asked', {}, undefined],
  ])('go by their address: %s', (_how, change, byClient) => {
    const { steps } = plan(spread(change), freshView(), OPTIONS);
    const found = steps.flatMap((step) => (step.kind === 'forward' ? [step.forward.byClient] : []));
    expect(found).toEqual([byClient]);
  });

  it('are told from flows that spread, so a switch is a change of the one rule; UDP waits for no reload', () => {
    const view = served(spread({}));
    const { steps, assignment } = plan(spread(STICKY), view, OPTIONS);
    expect(steps.map(({ kind }) => kind)).toEqual(['forward']);
    expect(assignment.unplaced).toEqual([]);
    carryOut(steps, view);
    expect(plan(spread({}), view, OPTIONS).steps.map(({ kind }) => kind)).toEqual(['forward']);
  });
});

it('a port that goes is forwarded no more, and its address stays for the others', () => {
  const view = served(wanted([nodePort(80), nodePort(53, UDP)]));
  const { steps } = plan(wanted([nodePort(80)]), view, OPTIONS);
  expect(forwards(steps)).toEqual([`- ${KEY}`]);
  expect(steps.map(({ kind }) => kind)).not.toContain('remove-address');
});

it('what somebody changed is put anew', () => {
  const view = served(DNS);
  view.forwards.set(KEY, { vip: address(VIP), port: 53, seal: '' });
  expect(forwards(plan(DNS, view, OPTIONS).steps)).toEqual([`${KEY} 123`]);
});
