import { expect, it } from 'vitest';
import { pairedRatios, percentile, summarise } from './statistics.ts';

it('takes the nearest figure that was really measured as a percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((fraction) => percentile(hundred, fraction))).toEqual([1, 50, 99, 100]);
  expect(percentile([7], 0.99)).toBe(7);
});

it('sums up a row of figures by its middle, its tail and its spread', () => {
  const figures = [5, 1, 4, 2, 3, 10, 9, 8, 7, 6];
  expect(summarise(figures)).toEqual({ count: 10, min: 1, p10: 1, p50: 5, p90: 9, p99: 10, max: 10, spread: 8 });
});

it('compares two things turn by turn', () => {
  expect(pairedRatios([10, 30], [20, 10])).toEqual([0.5, 3]);
});

it('refuses to sum up what was not measured', () => {
  expect(() => summarise([])).toThrow('nothing was measured');
  expect(() => pairedRatios([1], [1, 2])).toThrow('not taken in turns');
});
