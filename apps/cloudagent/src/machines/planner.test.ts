import type { MachineState } from '@fairlead/model';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ensure } from '../decisions/ensure.ts';
import { publish } from '../decisions/publish.ts';
import { remove } from '../decisions/remove.ts';
import { syncNodes } from '../decisions/sync-nodes.ts';
import { isEqual } from '../equal.ts';
import { diff } from './plan-diff.ts';
import { planMachine, planSet } from '../plan.ts';
import { Planner } from './planner.ts';
import { applyDelta } from '../testing/apply-delta.ts';
import { node, service, truthOf } from '../testing/site.ts';
import type { Committed } from '../truth/truth-keeper.ts';
import type { Decision, Truth } from '../truth/truth.ts';

/** A truth, a planner that follows it, and the way to change it. */
function followed() {
  const truth = truthOf();
  const listeners: ((committed: Committed) => void)[] = [];
  const planner = new Planner({ truth, subscribe: (listener) => (listeners.push(listener), () => undefined) });
  return {
    truth,
    state: (): MachineState => planner.stateOf('lb-1')!,
    take: (decide: (truth: Truth) => Decision<unknown>): void => {
      const { changes } = decide(truth);
      if (changes === undefined) return;
      truth.take(changes);
      for (const listener of listeners) listener({ changes, trace: undefined });
    },
  };
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  fc.record({ name, port: fc.integer({ min: 1, max: 3 }) }).map(({ name, port }) => (truth: Truth) => {
    const ports = [{ ...service('x').ports[0]!, port }];
    return ensure(truth, service(name, { ports }), 1);
  }),
  name.map((each) => (truth: Truth) => remove(truth, `uid-${each}`, 1)),
  name.map((each) => (truth: Truth) => {
    const generation = truth.loadBalancers.get(`uid-${each}`)?.generation ?? 0;
    return publish(truth, new Map([[`uid-${each}`, generation]]));
  }),
  fc.subarray(['n1', 'n2', 'n3']).map((names) => (truth: Truth) => {
    const upsert = names.map((each) => node(each, `10.0.0.10${each.slice(1)}`));
    return syncNodes(truth, { cluster: 'prod', full: true, upsert, remove: [] }, 1);
  }),
);

it('what is planned on from change to change is what would be planned anew, and so are the deltas', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 25 }), (steps) => {
      const { truth, state, take } = followed();
      let held = state();
      let sent = held;
      for (const [decision, isAskedFor] of steps) {
        take(decision);
        if (!isAskedFor) continue;
        const next = state();
        const anew = planMachine(truth, 'lb-1', planSet(truth, 'default'))!;
        expect(new Map(next.loadBalancers)).toEqual(new Map(anew.loadBalancers));
        expect(next.nodeSets).toEqual(anew.nodeSets);
        held = applyDelta(held, diff(sent, next));
        sent = next;
        expect(held.loadBalancers).toEqual(new Map(anew.loadBalancers));
        expect(isEqual(held.nodeSets, anew.nodeSets)).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});
