import { expect, it } from 'vitest';
import { differingKeys, noteDifference } from './map-difference.ts';

it('what was added, changed and removed differs, and nothing else', () => {
  const before = new Map([
    ['kept', 1],
    ['changed', 2],
    ['removed', 3],
  ]);
  const after = new Map([
    ['kept', 1],
    ['changed', 4],
    ['added', 5],
  ]);
  expect([...differingKeys(before, after)].sort()).toEqual(['added', 'changed', 'removed']);
  expect(differingKeys(after, after).size).toBe(0);
});

it('what was noted is believed of these two maps, and of no others', () => {
  const first = new Map([['a', 1]]);
  const second = new Map([...first, ['b', 2] as const]);
  const third = new Map([...second, ['c', 3] as const]);
  noteDifference(first, second, new Set(['b', 'perhaps']));
  noteDifference(second, third, new Set(['c']));
  expect([...differingKeys(first, second)]).toEqual(['b', 'perhaps']);
  expect([...differingKeys(first, third)].sort()).toEqual(['b', 'c']);
  noteDifference(first, third, new Set(['b', 'c', 'd']));
  expect([...differingKeys(first, third)]).toEqual(['b', 'c', 'd']);
  expect([...differingKeys(second, third)]).toEqual(['c']);
});
