import { expect, it } from 'vitest';
import { isNews } from './news.ts';

const known = new Map([
  ['a', true],
  ['b', false],
]);

it.each([
  ['the same', [['a', true] as const, ['b', false] as const], false],
  ['a node that died', [['a', false] as const, ['b', false] as const], true],
  ['a node that lives again', [['a', true] as const, ['b', true] as const], true],
  ['a node that is gone', [['b', false] as const], false],
  ['a new node that lives', [['a', true] as const, ['b', false] as const, ['c', true] as const], false],
  ['a new node that does not', [['a', true] as const, ['b', false] as const, ['c', false] as const], true],
])('%s: is that a reason to look at everything?', (_what, passing, expected) => {
  expect(isNews(known, new Map(passing))).toBe(expected);
});
