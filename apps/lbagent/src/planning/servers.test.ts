import type { ObservedServer } from '@fairlead/haproxy';
import type { Options } from '@fairlead/model';
import { expect, it } from 'vitest';
import { advance, type View } from './advance.ts';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import type { Step } from './step.ts';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { carryOut, freshView } from '../testing/fresh-view.ts';
import { type Wanted, wantedOf, type WantedOptions } from '../wanted/wanted.ts';

const READ: WantedOptions = { families: ['ipv4'], nodeChecks: new Map(), heldClusters: new Set() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const VIP = '10.9.0.150';

/** One Service on these nodes. */
function cluster(nodes = THREE_NODES, options?: Options, read: Partial<WantedOptions> = {}): Wanted {
  const lb = placed('a', VIP, [nodePort(80)], options ? { options } : {});
  return wantedOf(stateOf([lb], nodeSet(nodes)), { ...READ, ...read });
}

function local(...nodes: string[]): Wanted {
  const target = { kind: 'node-port', nodePort: 30_080, nodes } as const;
  const check = { kind: 'http', port: 32_000, path: '/healthz' } as const;
  return wantedOf(stateOf([placed('a', VIP, [nodePort(80, { target, check })])]), READ);
}

function served(wanted: Wanted): View {
  const view = freshView();
  return carryOut(plan(wanted, view, OPTIONS).steps, view);
}

/** Some servers of a backend are found so. */
function find(view: View, backend: string, found: Readonly<Record<string, Partial<ObservedServer>>>): void {
  const { servers } = view.worker.backends.get(backend)!;
  for (const [name, change] of Object.entries(found)) servers.set(name, { ...servers.get(name)!, ...change });
}

const kinds = (steps: readonly Step[]): string[] => steps.map(({ kind }) => kind);
const ended = (steps: readonly Step[]): unknown[] =>
  steps.flatMap((step) => (step.kind === 'delete-server' ? [[step.server, step.force]] : []));

it('a node that is reached in another way now keeps the connections of those who came by the old one', () => {
  const view = served(cluster());
  const read = { nodeChecks: new Map([['prod', { kind: 'none' } as const]]) };
  for (const step of plan(cluster(THREE_NODES, undefined, read), view, OPTIONS).steps) {
    if (step.kind !== 'delete-server') advance(view, step);
  }
  const long = { secondsInState: 3_600 };
  find(view, 'slot_plain_0', { tcp0: long, tcp1: long, tcp2: long });
  const all = cluster(THREE_NODES, undefined, read);
  expect(ended(plan(all, view, OPTIONS).steps)).toEqual([
    ['tcp0', false],
    ['tcp1', false],
    ['tcp2', false],
  ]);
  const fewer = cluster(THREE_NODES.slice(1), undefined, read);
  expect(ended(plan(fewer, view, OPTIONS).steps)).toEqual([
    ['tcp0', true],
    ['tcp1', false],
    ['tcp2', false],
    ['tcp3', false],
  ]);
});

it('a node that leaves and is still named keeps its connections for the drain time, and no longer', () => {
  const view = served(cluster());
  const [first, ...others] = THREE_NODES;
  const leaving = cluster([{ ...first!, draining: true }, ...others]);
  carryOut(
    plan(leaving, view, OPTIONS).steps.filter(({ kind }) => kind !== 'delete-server'),
    view,
  );
  find(view, 'slot_plain_0', { tcp0: { secondsInState: 29 } });
  expect(ended(plan(leaving, view, OPTIONS).steps)).toEqual([['tcp0', false]]);
  find(view, 'slot_plain_0', { tcp0: { secondsInState: 30 } });
  expect(ended(plan(leaving, view, OPTIONS).steps)).toEqual([['tcp0', true]]);
});

it('those that leave wait ten seconds for one that stays to come alive, and no longer', () => {
  const view = served(local('node-1'));
  find(view, 'slot_healthz_0', { tcp0: { up: true } });
  const next = local('node-2');
  carryOut(plan(next, view, OPTIONS).steps, view);
  find(view, 'slot_healthz_0', { tcp1: { secondsInState: 9 } });
  expect(plan(next, view, OPTIONS)).toMatchObject({ steps: [], postponed: ['slot_healthz_0'] });
  find(view, 'slot_healthz_0', { tcp1: { secondsInState: 10 } });
  expect(kinds(plan(next, view, OPTIONS).steps)).toEqual(['drain-server', 'delete-server']);
});

it('before a Service moves to another backend nobody is let out while those who stay are dead where they are', () => {
  const view = served(cluster());
  find(view, 'slot_plain_0', { tcp0: { up: false } });
  expect(kinds(plan(local('node-1'), view, OPTIONS).steps)).toEqual(['add-server']);
});

it('the time of those who leave is over when it is, though the move of their Service still waits', () => {
  const drain = { ...OPTIONS, drain: drainRules(new Map(), 4) };
  const view = served(cluster());
  carryOut(plan(local('node-1'), view, drain).steps, view);
  find(view, 'slot_healthz_0', { tcp0: { secondsInState: 9 } });
  const after = (secondsInState: number) => {
    find(view, 'slot_plain_0', { tcp1: { secondsInState }, tcp2: { secondsInState } });
    return plan(local('node-1'), view, drain);
  };
  expect(after(3).steps).toEqual([]);
  expect(after(4)).toMatchObject({
    steps: [
      { kind: 'delete-server', backend: 'slot_plain_0', server: 'tcp1', force: true },
      { kind: 'delete-server', backend: 'slot_plain_0', server: 'tcp2', force: true },
    ],
    postponed: ['slot_plain_0', 'slot_healthz_0'],
  });
});

it('the time of those who leave is over when it is, though those who stay are dead', () => {
  const view = served(local('node-1', 'node-2'));
  find(view, 'slot_healthz_0', { tcp0: { up: true }, tcp1: { up: true } });
  const leave = plan(local('node-2'), view, OPTIONS).steps;
  carryOut(
    leave.filter(({ kind }) => kind !== 'delete-server'),
    view,
  );
  find(view, 'slot_healthz_0', { tcp0: { secondsInState: 30 }, tcp1: { up: false } });
  const { steps, postponed } = plan(local('node-2'), view, OPTIONS);
  expect([ended(steps), postponed]).toEqual([[['tcp0', true]], ['slot_healthz_0']]);
});

it('the time of those who leave is over when it is, though their Service waits for a reload', () => {
  const view = served(cluster());
  const leave = plan(cluster(THREE_NODES.slice(1)), view, OPTIONS).steps;
  carryOut(
    leave.filter(({ kind }) => kind !== 'delete-server'),
    view,
  );
  find(view, 'slot_plain_0', { tcp0: { secondsInState: 30 } });
  const { steps, assignment } = plan(cluster(THREE_NODES.slice(1), { algorithm: 'source' }), view, OPTIONS);
  expect([ended(steps), assignment.unplaced]).toEqual([[['tcp0', true]], [`${VIP}|80`]]);
});

it('a node that leaves and was never here is not made for it', () => {
  const leaves = node('node-1', { draining: true });
  const { assignment, steps } = plan(cluster([leaves, ...THREE_NODES.slice(1)]), freshView(), OPTIONS);
  expect(assignment.services.get(`${VIP}|80`)!.servers.map(({ name, address }) => `${name} ${address}`)).toEqual([
    'tcp0 10.8.0.2',
    'tcp1 10.8.0.3',
  ]);
  expect(kinds(steps).filter((kind) => kind === 'add-server')).toHaveLength(2);
});

it('a Service that waits for a reload is served as before, and what its servers track stays', () => {
  const view = served(cluster());
  const { assignment, steps } = plan(cluster(THREE_NODES.slice(1), { algorithm: 'source' }), view, OPTIONS);
  expect(assignment.unplaced).toEqual([`${VIP}|80`]);
  expect(steps).toEqual([]);
});

it('nodes of which none passes its check are held alive, and asked again once one may', () => {
  const view = served(cluster());
  const dead = { up: false };
  find(view, 'nodes_healthz', { n0: dead, n1: dead, n2: dead });
  const held = cluster(THREE_NODES, undefined, { heldClusters: new Set(['prod']) });
  const hold = plan(held, view, OPTIONS).steps;
  expect(kinds(hold)).toEqual(Array(3).fill('hold-node-check'));
  carryOut(hold, view);
  expect(plan(held, view, OPTIONS).steps).toEqual([]);
  expect(kinds(plan(cluster(), view, OPTIONS).steps)).toEqual(Array(3).fill('use-node-check'));
});

it('who may connect is settled before anything is there, and until nobody is sent there any more', () => {
  const limited = wantedOf(stateOf([placed('a', VIP, [nodePort(80)], { sourceRanges: ['10.0.0.0/8'] })]), READ);
  expect(kinds(plan(limited, freshView(), OPTIONS).steps)[0]).toBe('limit');
  const gone = kinds(plan(wantedOf(stateOf([]), READ), served(limited), OPTIONS).steps);
  expect(gone.slice(0, 3)).toEqual(['release', 'remove-service', 'limit']);
});
