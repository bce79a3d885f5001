import { expect, it } from 'vitest';
import { duplicates, spans, untilLast } from './spans.ts';

const LIVES = [
  { name: 'a', begunNs: 1e6, addressNs: 21e6, answerNs: 23e6, address: '10.9.128.1' },
  { name: 'b', begunNs: 2e6, addressNs: 12e6, answerNs: 13e6, address: '10.9.128.2' },
];

it('tells how long each took, and the last of all', () => {
  expect(spans(LIVES, 'begunNs', 'addressNs')).toEqual([20, 10]);
  expect(untilLast(0, LIVES, 'answerNs')).toBe(23);
});

it('does not pass over one that never got that far', () => {
  expect(() => spans([...LIVES, { name: 'c', begunNs: 3e6 }], 'begunNs', 'addressNs')).toThrow('c: nothing is known');
});

it('finds addresses that were given twice', () => {
  expect(duplicates(LIVES)).toBe(0);
  expect(duplicates([...LIVES, { name: 'c', begunNs: 0, address: '10.9.128.1' }])).toBe(1);
});
