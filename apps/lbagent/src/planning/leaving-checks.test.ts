import type { ObservedServer } from '@fairlead/haproxy';
import type { MachineState, PlacedLoadBalancer } from '@fairlead/model';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drainRules } from '../draining/drain-rules.ts';
import { plan } from '../plan.ts';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { carryOut, freshView, viewFor } from '../testing/fresh-view.ts';
import { type Truth, truth } from '../testing/wishes.ts';
import { wantedOf, type WantedOptions } from '../wanted/wanted.ts';
import type { View } from './advance.ts';
import { stopLeavingChecks } from './leaving-checks.ts';
import type { Step } from './step.ts';

const READ: WantedOptions = { families: ['ipv4'], nodeChecks: new Map(), heldClusters: new Set() };
const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const [FIRST, ...OTHERS] = THREE_NODES as [ReturnType<typeof node>, ...ReturnType<typeof node>[]];

const WEB = placed('web', '10.9.0.150', [nodePort(80)]);
const onNodes = (...nodes: string[]): PlacedLoadBalancer =>
  placed('some', '10.9.0.151', [nodePort(81, { target: { kind: 'node-port', nodePort: 30_081, nodes } })]);
const LOCAL = placed('local', '10.9.0.152', [
  nodePort(82, {
    target: { kind: 'node-port', nodePort: 30_082, nodes: ['node-1'] },
    check: { kind: 'http', port: 32_000, path: '/healthz' },
  }),
]);

interface Site {
  readonly before: MachineState;
  readonly view: View;
  readonly known: Parameters<typeof stopLeavingChecks>[0]['known'];
}

/** A machine that serves these on three nodes. */
function serving(...services: PlacedLoadBalancer[]): Site {
  const before = stateOf(services);
  const wanted = wantedOf(before, READ);
  const view = freshView();
  carryOut(plan(wanted, view, OPTIONS).steps, view);
  return { before, view, known: { wanted, pending: new Set(), postponed: new Set() } };
}

function stopped({ before, view, known }: Site, now: MachineState): readonly Step[] {
  return stopLeavingChecks({ before, now, known, worker: view.worker });
}

const on = (state: MachineState, nodes = OTHERS): MachineState => ({
  ...state,
  nodeSets: new Map([['prod', nodeSet(nodes)]]),
});

function find(view: View, backend: string, found: Readonly<Record<string, Partial<ObservedServer>>>): void {
  const { servers } = view.worker.backends.get(backend)!;
  for (const [name, change] of Object.entries(found)) servers.set(name, { ...servers.get(name)!, ...change });
}

const STOP_FIRST = [{ kind: 'free-node-check', backend: 'nodes_healthz', server: 'n0' }];

it('the check of a node that is gone is stopped, and no other', () => {
  const site = serving(WEB, onNodes('node-1', 'node-2'));
  expect(stopped(site, on(site.before))).toEqual(STOP_FIRST);
});

it('a node that stays, comes, drains, is shut out, or is of two clusters and stays in one keeps its check', () => {
  const site = serving(WEB);
  expect(stopped(site, on(site.before, [...THREE_NODES]))).toEqual([]);
  expect(stopped(site, on(site.before, [...THREE_NODES, node('node-4')]))).toEqual([]);
  expect(stopped(site, on(site.before, [{ ...FIRST, eligible: false, draining: true }, ...OTHERS]))).toEqual([]);
  expect(stopped(site, on(site.before, [{ ...FIRST, eligible: false }, ...OTHERS]))).toEqual([]);
  const elsewhere = nodeSet([FIRST], { cluster: 'other' });
  const now = on(site.before);
  expect(stopped(site, { ...now, nodeSets: new Map([...now.nodeSets, ['other', elsewhere]]) })).toEqual([]);
});

describe('the check of a node that leaves goes on', () => {
  it('when a service has only this node', () => {
    const site = serving(WEB, onNodes('node-1'));
    expect(stopped(site, on(site.before))).toEqual([]);
  });

  it('when nobody else of a service is alive', () => {
    const site = serving(WEB);
    find(site.view, 'slot_plain_0', { tcp1: { up: false }, tcp2: { up: false } });
    expect(stopped(site, on(site.before))).toEqual([]);
    find(site.view, 'slot_plain_0', { tcp2: { up: true } });
    expect(stopped(site, on(site.before))).toEqual(STOP_FIRST);
    find(site.view, 'slot_plain_0', { tcp2: { maintenance: true } });
    expect(stopped(site, on(site.before))).toEqual([]);
  });

  it('when no node is left to serve', () => {
    const site = serving(WEB);
    const out = OTHERS.map((each) => ({ ...each, eligible: false }));
    expect(stopped(site, on(site.before, out))).toEqual([]);
    expect(stopped(site, on(site.before, []))).toEqual([]);
  });

  it('when a service of it changes at the same time', () => {
    const site = serving(WEB, onNodes('node-1', 'node-2'));
    expect(stopped(site, on(stateOf([WEB, onNodes('node-1')])))).toEqual([]);
  });

  it('while a server waits for another to come alive', () => {
    const site = serving(WEB);
    const known = { ...site.known, postponed: new Set(['slot_plain_0']) };
    expect(stopped({ ...site, known }, on(site.before))).toEqual([]);
  });
});

it('a service that asks its own backends has no say, and loses nobody', () => {
  const site = serving(WEB, LOCAL);
  const now = on(site.before);
  const steps = stopped(site, now);
  expect(steps).toEqual(STOP_FIRST);
});

it('a node that comes back finds the place of its check again, which its servers track', () => {
  const site = serving(WEB);
  const { view, before } = site;
  const fewer = wantedOf(on(before, [THREE_NODES[2]!]), READ);
  // Its servers go on: somebody is connected.
  const isDone = ({ kind }: Step) => kind !== 'delete-server';
  carryOut(plan(fewer, view, OPTIONS).steps.filter(isDone), view);
  const second = wantedOf(on(before, [THREE_NODES[1]!, THREE_NODES[2]!]), READ);
  const { assignment } = plan(second, view, OPTIONS);
  expect(assignment.nodeChecks.map(({ check, index }) => [check.address, index])).toEqual([
    ['10.8.0.2', 1],
    ['10.8.0.3', 2],
  ]);
  const strange = wantedOf(on(before, [THREE_NODES[2]!, node('node-9')]), READ);
  const places = plan(strange, view, OPTIONS).assignment.nodeChecks;
  expect(places.map(({ check, index }) => [check.address, index])).toEqual([
    ['10.8.0.3', 2],
    ['10.8.0.9', 3],
  ]);
});

/** Everything as it is, and what is there after two passes over it. */
function settled(state: MachineState, options: WantedOptions, view: View): View {
  const wanted = wantedOf(state, options);
  for (let turn = 0; turn < 2; turn += 1) carryOut(plan(wanted, view, OPTIONS).steps, view);
  return view;
}

function alive(view: View, dead: ReadonlySet<string>): View {
  for (const [, { servers }] of view.worker.backends) {
    for (const [name, server] of servers) {
      servers.set(name, { ...server, up: !server.maintenance && !dead.has(server.address ?? '') });
    }
  }
  return view;
}

/** What changes in these: the nodes, and nothing else. */
const moves = fc.record({
  truth,
  other: truth,
  dead: fc.subarray(['10.8.0.1', '10.8.0.2', '10.8.0.3', '10.8.0.4']),
});

const departing = ({ state, options }: Truth, other: Truth): Truth => ({
  options,
  state: { ...state, nodeSets: other.state.nodeSets },
});

it('nobody serves any more whose check is stopped early, and each service that loses one has somebody alive', () => {
  let early = 0;
  fc.assert(
    fc.property(moves, ({ truth: first, other, dead }) => {
      const second = departing(first, other);
      const wanted = wantedOf(first.state, first.options);
      const after = wantedOf(second.state, second.options);
      const view = alive(settled(first.state, first.options, viewFor(wanted, after)), new Set(dead));
      const known = { wanted, pending: new Set<string>(), postponed: new Set(plan(wanted, view, OPTIONS).postponed) };
      const whole = plan(after, view, OPTIONS);
      const steps = stopLeavingChecks({ before: first.state, now: second.state, known, worker: view.worker });
      early += steps.length;
      const drained = new Set(
        whole.steps.flatMap((step) => (step.kind === 'drain-server' ? [`${step.backend} ${step.server}`] : [])),
      );
      for (const step of steps) {
        if (step.kind !== 'free-node-check') throw new Error(`${step.kind} is not early`);
        const { address } = view.worker.backends.get(step.backend)!.servers.get(step.server)!;
        expect([...after.nodeChecks.values()].map((check) => check.address)).not.toContain(address);
        for (const [key, service] of wanted.services) {
          const backend = view.worker.services.get(key)!;
          for (const server of view.worker.backends.get(backend)!.servers.values()) {
            const tracks = service.servers.some((each) => each.id === server.id && each.check.kind === 'node');
            if (!tracks || server.address !== address || server.maintenance) continue;
            expect(drained).toContain(`${backend} ${server.name}`);
            const others = [...view.worker.backends.get(backend)!.servers.values()];
            expect(others.some((each) => each.up && !each.maintenance && each.address !== address)).toBe(true);
          }
        }
      }
      // It is as if the plan had said so: what follows comes to the same.
      carryOut(steps, view);
      const rest = plan(after, view, OPTIONS);
      expect(rest.assignment.unplaced).toEqual(whole.assignment.unplaced);
      expect(rest.steps).toEqual(whole.steps.filter((step) => !steps.some((each) => same(each, step))));
    }),
    { numRuns: 300 },
  );
  expect(early).toBeGreaterThan(10);
});

const same = (a: Step, b: Step): boolean => JSON.stringify(a) === JSON.stringify(b);
