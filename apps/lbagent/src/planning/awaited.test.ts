import { expect, it } from 'vitest';
import type { View } from './advance.ts';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { carryOut, freshView } from '../testing/fresh-view.ts';
import { type Awaited, createAwaitedReader } from '../wanted/awaited.ts';
import { type Wanted, wantedOf } from '../wanted/wanted.ts';

const READ = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const VIP = '10.9.0.150';
const HEALTHZ = { kind: 'http', port: 32_000, path: '/healthz' } as const;
const LOCAL = { kind: 'node-port', nodePort: 30_080, nodes: ['node-1'] } as const;

function awaiting(wanted: Wanted, ...nodes: number[]): Wanted {
  const places = new Set(nodes.map((each) => `10.8.0.${each}:30080`));
  const awaited: Awaited = nodes.length === 0 ? new Map() : new Map([[`${VIP}|80`, places]]);
  return createAwaitedReader()(wanted, awaited);
}

function cluster(nodes = THREE_NODES): Wanted {
  return wantedOf(stateOf([placed('a', VIP, [nodePort(80)])], nodeSet(nodes)), READ);
}

function local(): Wanted {
  return wantedOf(stateOf([placed('a', VIP, [nodePort(80, { target: LOCAL, check: HEALTHZ })])]), READ);
}

function alive(view: View, backend: string): void {
  const { servers } = view.worker.backends.get(backend)!;
  for (const [name, server] of servers) if (!server.maintenance) servers.set(name, { ...server, up: true });
}

const kinds = ({ steps }: ReturnType<typeof plan>) => steps.map(({ kind }) => kind);

it('a server joins when it has answered, and nothing waits for it', () => {
  const view = freshView();
  const first = plan(awaiting(cluster(), 2, 3), view, OPTIONS);
  expect(first.steps.flatMap((step) => (step.kind === 'add-server' ? [step.server.address] : []))).toEqual([
    '10.8.0.1',
  ]);
  expect(first.postponed).toEqual([]);
  carryOut(first.steps, view);
  expect(plan(awaiting(cluster(), 2, 3), view, OPTIONS).steps).toEqual([]);
  expect(plan(awaiting(cluster(), 3), view, OPTIONS).steps).toMatchObject([
    { kind: 'add-server', server: { address: '10.8.0.2' } },
  ]);
});

it('a server that leaves goes on until one that is awaited has answered', () => {
  const view = freshView();
  carryOut(plan(cluster([node('node-1')]), view, OPTIONS).steps, view);
  const moved = cluster([node('node-2'), node('node-1', { draining: true })]);
  const waits = plan(awaiting(moved, 2), view, OPTIONS);
  expect(kinds(waits)).toEqual(['use-node-check']);
  expect(waits.postponed).toEqual(['slot_plain_0']);
  carryOut(waits.steps, view);
  expect(kinds(plan(moved, view, OPTIONS))).toEqual(['add-server', 'drain-server', 'delete-server']);
});

it('a Service of policy Local that becomes Cluster stays with its nodes until one has answered as one of the cluster', () => {
  const view = freshView();
  carryOut(plan(local(), view, OPTIONS).steps, view);
  alive(view, 'slot_healthz_0');
  const waits = plan(awaiting(cluster(), 1, 2, 3), view, OPTIONS);
  expect(new Set(kinds(waits))).toEqual(new Set(['use-node-check']));
  expect(waits.postponed).toContain('slot_healthz_0');
  carryOut(waits.steps, view);
  const { steps } = plan(awaiting(cluster(), 2, 3), view, OPTIONS);
  expect(steps).toMatchObject([
    { kind: 'add-server', server: { address: '10.8.0.1' } },
    { kind: 'move-service' },
    { kind: 'drain-server', backend: 'slot_healthz_0' },
    { kind: 'delete-server', backend: 'slot_healthz_0' },
  ]);
});

it('a server that is awaited and there already, without connections, is neither let in nor taken away', () => {
  const view = freshView();
  carryOut(plan(cluster(), view, OPTIONS).steps, view);
  const { servers } = view.worker.backends.get('slot_plain_0')!;
  servers.set('tcp1', { ...servers.get('tcp1')!, maintenance: true, secondsInState: 3_600 });
  expect(plan(awaiting(cluster(), 2), view, OPTIONS).steps).toEqual([]);
  expect(kinds(plan(cluster(), view, OPTIONS))).toEqual(['resume-server']);
});
