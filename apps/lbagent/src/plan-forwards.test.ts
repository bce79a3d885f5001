import { address, type Node, type Port } from '@fairlead/model';
import { expect, it } from 'vitest';
import type { View } from './advance.ts';
import { drainRules } from './drain-rules.ts';
import { plan } from './plan.ts';
import type { Step } from './step.ts';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from './test/example.ts';
import { carryOut, freshView } from './test/fresh-view.ts';
import { type Wanted, wantedOf } from './wanted.ts';

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

it('a backend that is no node and says nothing about its health counts as alive, and is asked no connection', () => {
  const endpoints = [{ name: 'a', address: address('10.0.0.5'), port: 53, draining: false }];
  const port = nodePort(53, { ...UDP, target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } });
  const { steps } = plan(wanted([port]), freshView(), OPTIONS);
  expect(steps.flatMap((step) => (step.kind === 'add-server' ? [step.server.check.kind] : []))).toEqual(['none']);
  expect(forwards(steps)).toEqual([`${KEY} 5`]);
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
