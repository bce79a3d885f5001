import { expect, it } from 'vitest';
import { axisOf } from './axis.ts';
import { number } from './words.ts';

it.each([
  [0, '0'],
  [0.00012, '0.0001'],
  [0.0123, '0.0123'],
  [1.234, '1.23'],
  [1.2, '1.2'],
  [12.34, '12.3'],
  [100, '100'],
  [12345.6, '12,346'],
  [1234567, '1,234,567'],
])('%j is written %s', (value, text) => {
  expect(number(value)).toBe(text);
});

const PAGE = { from: 0, to: 100 };

it('values that lie close together get an axis from 0, others one in powers of ten; none falls off the page', () => {
  const close = axisOf([0.97, 1.02], PAGE);
  expect(close).toMatchObject({ logarithmic: false, ticks: [0, 0.5, 1, 1.5] });
  const far = axisOf([0, 0.9, 3000], PAGE);
  expect(far).toMatchObject({ logarithmic: true, ticks: [0.1, 1, 10, 100, 1000, 10000] });
  expect([0, 0.1, 10_000].map(far.place)).toEqual([0, 0, 100]);
});

it.each([[[0]], [[5]], [[0, 0]], [[0, 1e-9, 4e9]]])('%j has an axis', (values) => {
  const { ticks, place } = axisOf(values, PAGE);
  for (const each of [...ticks, ...values]) expect(place(each)).toBeGreaterThanOrEqual(0);
  expect(ticks.length).toBeLessThan(15);
});
