import { expect, it } from 'vitest';
import { type Looks, type NextLook, nextLook } from './next-look.ts';

const NOW = 100_000;
const names = (...some: string[]) => new Set(some);
const QUIET: Looks = {
  lookedAt: NOW - 1_500,
  triedAt: NOW - 1_500,
  known: { pending: names(), postponed: names() },
  low: false,
  lookEveryMs: 5_000,
};

it.each<[string, Partial<Looks>, NextLook]>([
  ['now and then all of it is looked at, beside the work', {}, { at: NOW + 3_500, what: 'around' }],
  ['after a failure soon, and in a pass', { known: undefined }, { at: NOW - 500, what: 'all' }],
  ['a low stock is filled up once it is quiet', { low: true }, { at: NOW + 2_000, what: 'all' }],
  [
    'servers that drain are tried every second',
    { known: { pending: names('a'), postponed: names() } },
    { at: NOW - 500, what: 'unfinished' },
  ],
  [
    'servers that wait for another one are tried ten times a second',
    { triedAt: NOW, known: { pending: names('a'), postponed: names('b') } },
    { at: NOW + 100, what: 'unfinished' },
  ],
  [
    'what drains for long does not put off looking at the rest',
    { lookedAt: NOW - 4_500, triedAt: NOW, known: { pending: names('a'), postponed: names() } },
    { at: NOW + 500, what: 'around' },
  ],
])('%s', (_, change, next) => {
  expect(nextLook({ ...QUIET, ...change }, NOW)).toEqual(next);
});
