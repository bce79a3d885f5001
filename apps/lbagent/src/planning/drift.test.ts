import { expect, it } from 'vitest';
import { driftOf, settledBy } from './drift.ts';
import type { Reached } from '../pass.ts';
import { stateOf } from '../testing/example.ts';
import type { Known } from './unfinished.ts';
import { wantedOf } from '../wanted/wanted.ts';

const OPTIONS = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const WANTED = wantedOf(stateOf([]), OPTIONS);

interface Change {
  readonly steps?: number;
  readonly repairs?: readonly string[];
  readonly owned?: readonly string[];
  readonly pid?: number;
}

/** Only what drift is judged by. */
function reached(change: Change = {}): Reached {
  return {
    view: { owned: change.owned ?? ['edge-1'], worker: { info: { pid: change.pid ?? 1 } } },
    plan: { steps: Array.from({ length: change.steps ?? 0 }) },
    repairs: change.repairs ?? [],
  } as unknown as Reached;
}

const NOTHING_LEFT: Known = { wanted: WANTED, pending: new Set(), postponed: new Set() };
const SETTLED = settledBy(NOTHING_LEFT, reached());

it.each<[string, Change, number]>([
  ['nothing to do is no drift', {}, 0],
  ['every step that nobody asked for counts', { steps: 3 }, 3],
  ['and so does what had to be put right in the kernel', { steps: 1, repairs: ['table was missing'] }, 2],
  ['addresses move when an instance does', { steps: 2, owned: [] }, 0],
  ['a new haproxy has to be filled', { steps: 5, pid: 2 }, 0],
])('%s', (_, change, drift) => {
  expect(driftOf(SETTLED, WANTED, reached(change))).toBe(drift);
});

it('after another wish nothing is drift, nor while something is failed, drains or waits, since whichever pass', () => {
  expect(driftOf(SETTLED, wantedOf(stateOf([]), OPTIONS), reached({ steps: 3 }))).toBe(0);
  const some = new Set(['slot_plain_0']);
  for (const known of [undefined, { ...NOTHING_LEFT, pending: some }, { ...NOTHING_LEFT, postponed: some }]) {
    expect(driftOf(settledBy(known, reached()), WANTED, reached({ steps: 3 }))).toBe(0);
  }
});
