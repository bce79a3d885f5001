import type { ObservedServer } from '@fairlead/haproxy';
import { expect, it } from 'vitest';
import { advance, type View } from './planning/advance.ts';
import { drainRules } from './draining/drain-rules.ts';
import { plan } from './plan.ts';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from './testing/example.ts';
import { carryOut, freshView } from './testing/fresh-view.ts';
import { type Wanted, wantedOf } from './wanted/wanted.ts';

const READ = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const VIP = '10.9.0.150';

function wantedFor(...loadBalancers: Parameters<typeof stateOf>): Wanted {
  return wantedOf(stateOf(...loadBalancers), READ);
}

const ONE = wantedFor([placed('a', VIP, [nodePort(80)])]);

it('a new Service is added from the address outwards: address, checks, servers, map, nftables', () => {
  expect(plan(ONE, freshView(), OPTIONS).steps.map((step) => step.kind)).toEqual([
    'add-address',
    'use-node-check',
    'use-node-check',
    'use-node-check',
    'add-server',
    'add-server',
    'add-server',
    'add-service',
    'catch',
  ]);
});

it('a Service that goes is taken away in reverse, and its connections with it', () => {
  const view = freshView();
  carryOut(plan(ONE, view, OPTIONS).steps, view);
  const { steps } = plan(wantedFor([]), view, OPTIONS);
  expect(steps.map((step) => step.kind)).toEqual([
    'release',
    'remove-service',
    'free-node-check',
    'free-node-check',
    'free-node-check',
    ...Array.from({ length: 3 }, () => ['drain-server', 'delete-server']).flat(),
    'remove-address',
  ]);
  expect(steps.filter((step) => step.kind === 'delete-server').every((step) => step.force)).toBe(true);
});

it('only the owner has the addresses; everybody has the rest', () => {
  const backup = plan(ONE, freshView(), { ...OPTIONS, owned: new Set<string>() });
  expect(backup.steps.map((step) => step.kind)).not.toContain('add-address');
  expect(backup.steps.map((step) => step.kind)).toContain('catch');
});

it('a backend that goes drains, and only it; one that drained long enough is closed', () => {
  const view = freshView();
  carryOut(plan(ONE, view, OPTIONS).steps, view);
  const fewer = wantedFor([placed('a', VIP, [nodePort(80)])], nodeSet(THREE_NODES.slice(1)));
  const { steps } = plan(fewer, view, OPTIONS);
  expect(steps.map((step) => [step.kind, 'server' in step ? step.server : ''])).toEqual([
    ['free-node-check', 'n0'],
    ['drain-server', 'tcp0'],
    ['delete-server', 'tcp0'],
  ]);
  advance(view, steps[1]!);
  const servers = view.worker.backends.get('slot_plain_0')!.servers;
  const forced = (): boolean[] =>
    plan(fewer, view, OPTIONS).steps.flatMap((step) => (step.kind === 'delete-server' ? [step.force] : []));
  expect(forced()).toEqual([false]);
  servers.set('tcp0', { ...servers.get('tcp0')!, secondsInState: 30 });
  expect(forced()).toEqual([true]);
});

it('a draining backend that is wanted again gets connections again', () => {
  const view = freshView();
  carryOut(plan(ONE, view, OPTIONS).steps, view);
  const draining = THREE_NODES.map((each, index) => (index === 0 ? node('node-1', { draining: true }) : each));
  const drain = plan(wantedFor([placed('a', VIP, [nodePort(80)])], nodeSet(draining)), view, OPTIONS);
  expect(drain.steps.map((step) => step.kind)).toEqual(['drain-server', 'delete-server']);
  advance(view, drain.steps[0]!);
  const back = plan(ONE, view, OPTIONS);
  expect(back.steps.map((step) => step.kind)).toEqual(['resume-server']);
});

const HEALTHZ = { kind: 'http', port: 32_000, path: '/healthz' } as const;

function local(
  nodes: readonly string[],
  change: { drainingNodes?: readonly string[]; lastResort?: true } = {},
): Wanted {
  const target = { kind: 'node-port', nodePort: 30_080, nodes, ...change } as const;
  return wantedFor([placed('a', VIP, [nodePort(80, { target, check: HEALTHZ })], { drainTimeoutMs: 5_000 })]);
}

/** As `change` of a server in the one backend of policy Local. */
function checkSays(view: View, name: string, change: Partial<ObservedServer>): void {
  const { servers } = view.worker.backends.get('slot_healthz_0')!;
  servers.set(name, { ...servers.get(name)!, ...change });
}

it('a node whose pods end keeps its connections for as long as it is named, and no longer', () => {
  const view = freshView();
  carryOut(plan(local(['node-1', 'node-2']), view, OPTIONS).steps, view);
  for (const name of ['tcp0', 'tcp1']) checkSays(view, name, { up: true });
  const ends = local(['node-2'], { drainingNodes: ['node-1'] });
  expect(plan(ends, view, OPTIONS).steps.map(({ kind }) => kind)).toEqual(['drain-server']);
  carryOut(plan(ends, view, OPTIONS).steps, view);
  checkSays(view, 'tcp0', { secondsInState: 3_600 });
  expect(plan(ends, view, OPTIONS).steps).toEqual([]);
  const gone = plan(local(['node-2']), view, OPTIONS).steps;
  expect(gone).toMatchObject([{ kind: 'delete-server', server: 'tcp0', force: true }]);
});

it('each service has its own time to drain', () => {
  const view = freshView();
  carryOut(plan(local(['node-1', 'node-2']), view, OPTIONS).steps, view);
  for (const name of ['tcp0', 'tcp1']) checkSays(view, name, { up: true });
  advance(view, plan(local(['node-2']), view, OPTIONS).steps[0]!);
  const forced = (secondsInState: number): unknown => {
    checkSays(view, 'tcp0', { secondsInState });
    return plan(local(['node-2']), view, OPTIONS).steps.map((step) => 'force' in step && step.force);
  };
  expect([forced(4), forced(5)]).toEqual([[false], [true]]);
});

it('pods that end and are all that is left get connections, though the check of their nodes says no', () => {
  const view = freshView();
  const steps = plan(local(['node-1'], { lastResort: true }), view, OPTIONS).steps;
  expect(steps.map(({ kind }) => kind)).toEqual(['add-address', 'add-server', 'keep-server', 'add-service', 'catch']);
  carryOut(steps, view);
  expect(plan(local(['node-1'], { lastResort: true }), view, OPTIONS).steps).toEqual([]);
  const ready = plan(local(['node-1']), view, OPTIONS).steps;
  expect(ready.map(({ kind }) => kind)).toEqual(['resume-server']);
});

it('a node that serves becomes the last resort without a moment in which nobody is let in', () => {
  const view = freshView();
  carryOut(plan(local(['node-1']), view, OPTIONS).steps, view);
  checkSays(view, 'tcp0', { up: true });
  const steps = plan(local(['node-1'], { lastResort: true }), view, OPTIONS).steps;
  expect(steps.map(({ kind }) => kind)).toEqual(['keep-server']);
});

it('connections that a change of policy leaves behind end only when nobody is served there any more', () => {
  const view = freshView();
  carryOut(plan(ONE, view, OPTIONS).steps, view);
  carryOut(plan(local(['node-1', 'node-2']), view, OPTIONS).steps, view);
  checkSays(view, 'tcp0', { up: true });
  for (const step of plan(local(['node-1', 'node-2']), view, OPTIONS).steps) {
    if (step.kind !== 'delete-server') advance(view, step);
  }
  const { servers } = view.worker.backends.get('slot_plain_0')!;
  for (const [name, server] of servers) servers.set(name, { ...server, secondsInState: 3_600 });
  const forced = (wanted: Wanted): unknown[] =>
    plan(wanted, view, { ...OPTIONS, drain: drainRules(wanted.services, 30) }).steps.flatMap((step) =>
      step.kind === 'delete-server' && step.backend === 'slot_plain_0' ? [[step.server, step.force]] : [],
    );
  expect(forced(local(['node-1', 'node-2']))).toEqual([
    ['tcp0', false],
    ['tcp1', false],
    ['tcp2', true],
  ]);
});

it('what finds no free slot waits for a reload, and the others do not', () => {
  const many = wantedFor(Array.from({ length: 5 }, (_, index) => placed(`s${index}`, VIP, [nodePort(80 + index)])));
  const planned = plan(many, freshView({ slots: 3 }), OPTIONS);
  expect(planned.assignment.unplaced).toEqual([`${VIP}|83`, `${VIP}|84`]);
  expect(planned.steps.filter((step) => step.kind === 'catch')).toHaveLength(3);
});

it('more nodes than there are checks for wait for a reload too', () => {
  const planned = plan(ONE, freshView({ nodeChecks: 2 }), OPTIONS);
  expect(planned.assignment.unplaced).toEqual([`${VIP}|80`]);
});

it('a Service that changes its kind of check moves to a backend of that kind', () => {
  const view = freshView();
  carryOut(plan(ONE, view, OPTIONS).steps, view);
  const target = { kind: 'node-port', nodePort: 30080, nodes: ['node-1'] } as const;
  const local = nodePort(80, { target, check: { kind: 'http', port: 32000, path: '/healthz' } });
  const wanted = wantedFor([placed('a', VIP, [local])]);
  const first = plan(wanted, view, OPTIONS);
  expect(first.steps).toMatchObject([
    { kind: 'add-server', backend: 'slot_healthz_0' },
    // Only node-1 will serve: the others may have stopped already.
    { kind: 'drain-server', backend: 'slot_plain_0', server: 'tcp1' },
    { kind: 'drain-server', backend: 'slot_plain_0', server: 'tcp2' },
  ]);
  expect(first.postponed).toEqual(['slot_plain_0', 'slot_healthz_0']);
  carryOut(first.steps, view);
  expect(plan(wanted, view, OPTIONS)).toMatchObject({ steps: [], postponed: first.postponed });
  // Somebody is alive there, so that the move costs no connection.
  checkSays(view, 'tcp0', { up: true });
  const { steps } = plan(wanted, view, OPTIONS);
  expect(steps[0]).toMatchObject({ kind: 'move-service', key: `${VIP}|80`, backend: 'slot_healthz_0' });
  const drained = steps.filter(({ kind }) => kind === 'drain-server');
  expect(drained).toMatchObject([{ backend: 'slot_plain_0', server: 'tcp0' }]);
  expect(steps.map((step) => step.kind)).not.toContain('release');
});
