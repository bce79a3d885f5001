import { expect, it } from 'vitest';
import { driftOf, settledBy } from './drift.ts';
import type { Reached } from './pass.ts';
import { stateOf } from './test/example.ts';
import { wantedOf } from './wanted.ts';

const OPTIONS = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const WANTED = wantedOf(stateOf([]), OPTIONS);

interface Change {
  readonly steps?: number;
  readonly repairs?: readonly string[];
  readonly owned?: readonly string[];
  readonly pid?: number;
  readonly failed?: number;
  readonly pending?: number;
  readonly postponed?: number;
}

/** Only what drift is judged by. */
function reached(change: Change = {}): Reached {
  const failed = new Map(Array.from({ length: change.failed ?? 0 }, (_, index) => [`${index}`, 'no']));
  return {
    view: { owned: change.owned ?? ['edge-1'], worker: { info: { pid: change.pid ?? 1 } } },
    plan: {
      steps: Array.from({ length: change.steps ?? 0 }),
      assignment: { unplaced: [] },
      postponed: Array.from({ length: change.postponed ?? 0 }),
    },
    applied: { failed, pending: new Set(Array.from({ length: change.pending ?? 0 }, (_, index) => index)), done: 0 },
    repairs: change.repairs ?? [],
  } as unknown as Reached;
}

const SETTLED = settledBy(WANTED, reached());

it.each<[string, Change, number]>([
  ['nothing to do is no drift', {}, 0],
  ['every step that nobody asked for counts', { steps: 3 }, 3],
  ['and so does what had to be put right in the kernel', { steps: 1, repairs: ['table was missing'] }, 2],
  ['addresses move when an instance does', { steps: 2, owned: [] }, 0],
  ['a new haproxy has to be filled', { steps: 5, pid: 2 }, 0],
])('%s', (_, change, drift) => {
  expect(driftOf(SETTLED, WANTED, reached(change))).toBe(drift);
});

it('after another wish, or after a pass that left something undone, nothing is drift', () => {
  expect(driftOf(SETTLED, wantedOf(stateOf([]), OPTIONS), reached({ steps: 3 }))).toBe(0);
  for (const undone of [{ failed: 1 }, { pending: 1 }, { postponed: 1 }]) {
    expect(driftOf(settledBy(WANTED, reached(undone)), WANTED, reached({ steps: 3 }))).toBe(0);
  }
});
