import { expect, it } from 'vitest';
import type { Reached } from '../pass.ts';
import { stateOf } from '../testing/example.ts';
import { type Known, knownAfter } from './unfinished.ts';
import { wantedOf } from '../wanted/wanted.ts';

const WANTED = wantedOf(stateOf([]), { families: ['ipv4'], nodeChecks: new Map(), heldClusters: new Set() });
const BEFORE: Known = { wanted: WANTED, pending: new Set(['a', 'b']), postponed: new Set(['c']) };

interface Change {
  readonly planned?: 'all' | readonly string[];
  readonly pending?: readonly string[];
  readonly postponed?: readonly string[];
  readonly failed?: number;
  readonly unplaced?: readonly string[];
}

function after(before: Known | undefined, change: Change) {
  const planned = change.planned === undefined || change.planned === 'all' ? 'all' : new Set(change.planned);
  const known = knownAfter(before, WANTED, {
    planned,
    plan: { assignment: { unplaced: change.unplaced ?? [] }, postponed: change.postponed ?? [] },
    applied: {
      failed: new Map(Array.from({ length: change.failed ?? 0 }, (_, i) => [`${i}`, 'no'])),
      pending: new Set(change.pending),
    },
  } as unknown as Reached);
  return known && { pending: [...known.pending], postponed: [...known.postponed] };
}

it('what was not planned this time is as unfinished as before', () => {
  expect(after(BEFORE, { planned: ['x'], pending: ['x'] })).toEqual({ pending: ['a', 'b', 'x'], postponed: ['c'] });
  expect(after(BEFORE, { planned: ['a', 'c'] })).toEqual({ pending: ['b'], postponed: [] });
  expect(after(BEFORE, { planned: ['a'], pending: ['a'], postponed: ['d'] })).toEqual({
    pending: ['b', 'a'],
    postponed: ['c', 'd'],
  });
});

it('when everything was planned only that counts', () => {
  expect(after(BEFORE, { pending: ['b'] })).toEqual({ pending: ['b'], postponed: [] });
  expect(after(undefined, {})).toEqual({ pending: [], postponed: [] });
});

it('after a failure, or without room for something, nothing can be built upon', () => {
  expect(after(BEFORE, { failed: 1 })).toBeUndefined();
  expect(after(BEFORE, { unplaced: ['10.9.0.1|80'] })).toBeUndefined();
});
