import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { advance, type View, viewOf } from './planning/advance.ts';
import { drainRules } from './draining/drain-rules.ts';
import { narrow } from './planning/narrow.ts';
import { plan } from './plan.ts';
import { carryOut, viewFor } from './testing/fresh-view.ts';
import { reversed, type Truth, truth } from './testing/wishes.ts';
import { createWantedReader, type Wanted, wantedOf } from './wanted/wanted.ts';

const OPTIONS = { owned: new Set(['edge-1']), drain: drainRules(new Map(), 30) };
const ROUNDS = { numRuns: 150 };

const wantedFor = ({ state, options }: Truth): Wanted => wantedOf(state, options);

/** Checks pass in the meantime, so that nothing waits for them. */
function pass(view: View): void {
  for (const { servers } of view.worker.backends.values()) {
    for (const [name, server] of servers) if (!server.maintenance) servers.set(name, { ...server, up: true });
  }
}

/** Three passes, after which nothing should be left to do. */
function settle(wanted: Wanted, view: View): View {
  for (let turn = 0; turn < 3; turn++) {
    carryOut(plan(wanted, view, OPTIONS).steps, view);
    pass(view);
  }
  return view;
}

it('planning again after applying gives nothing to do', () => {
  fc.assert(
    fc.property(fc.tuple(truth, truth), (truths) => {
      const [first, second] = truths.map(wantedFor) as [Wanted, Wanted];
      const view = settle(first, viewFor(first, second));
      expect(plan(first, view, OPTIONS)).toMatchObject({ steps: [], assignment: { unplaced: [] } });
      settle(second, view);
      expect(plan(second, view, OPTIONS)).toMatchObject({ steps: [], assignment: { unplaced: [] } });
    }),
    ROUNDS,
  );
});

it('the order in which anything is told makes no difference', () => {
  fc.assert(
    fc.property(truth, (one) => {
      const [wanted, turned] = [wantedFor(one), wantedFor(reversed(one))];
      expect(plan(turned, viewFor(wanted), OPTIONS).steps).toEqual(plan(wanted, viewFor(wanted), OPTIONS).steps);
      expect(turned.refused).toEqual(wanted.refused);
    }),
    ROUNDS,
  );
});

/** Wishes as one machine reads them when some load balancers change, one truth after the other; the rest stays the same. */
function successive([first, ...others]: readonly Truth[], changed: readonly string[]): Wanted[] {
  const read = createWantedReader();
  let { state } = first!;
  const wishes = [read(state, first!.options)];
  for (const other of others) {
    const loadBalancers = new Map(state.loadBalancers);
    for (const id of changed) {
      const next = other.state.loadBalancers.get(id);
      if (next) loadBalancers.set(id, next);
      else loadBalancers.delete(id);
    }
    state = { ...state, loadBalancers };
    wishes.push(read(state, first!.options));
  }
  return wishes;
}

const changing = fc.subarray(['a', 'b', 'c', 'd']);

it('planning only what changed is planning everything', () => {
  fc.assert(
    fc.property(truth, truth, changing, (first, second, changed) => {
      const [before, after] = successive([first, second], changed) as [Wanted, Wanted];
      const view = settle(before, viewFor(before, after));
      const narrowed = narrow({ before, wanted: after, unfinished: new Set() }, view);
      expect(plan(narrowed.wanted, narrowed.observed, OPTIONS).steps).toEqual(plan(after, view, OPTIONS).steps);
    }),
    ROUNDS,
  );
});

it('planning only what changed, and where servers still drain, is planning everything', () => {
  fc.assert(
    fc.property(fc.tuple(truth, truth, truth), changing, (truths, changed) => {
      const [first, before, after] = successive(truths, changed) as [Wanted, Wanted, Wanted];
      const view = settle(first, viewFor(first, before, after));
      const { steps, postponed } = plan(before, view, OPTIONS);
      const unfinished = new Set(postponed);
      for (const step of steps) {
        if (step.kind === 'delete-server') unfinished.add(step.backend);
        else advance(view, step);
      }
      const narrowed = narrow({ before, wanted: after, unfinished }, view);
      expect(plan(narrowed.wanted, narrowed.observed, OPTIONS).steps).toEqual(plan(after, view, OPTIONS).steps);
    }),
    ROUNDS,
  );
});

it('free slots are known without counting them', () => {
  fc.assert(
    fc.property(truth, truth, (...truths) => {
      const [first, second] = truths.map(wantedFor) as [Wanted, Wanted];
      const view = settle(second, settle(first, viewFor(first, second)));
      const { worker, config } = view;
      const nothing = { caught: [], limits: [], forwards: [], links: { links: [], addresses: [] } };
      const counted = viewOf({ worker, config, ...nothing });
      expect(view.freeSlots).toEqual(counted.freeSlots);
      expect(view.routed).toEqual(counted.routed);
    }),
    { numRuns: 50 },
  );
});
