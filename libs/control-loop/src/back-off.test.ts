import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { backOff, defaultBackOff } from './back-off.ts';

it('doubles from the first wait to the longest', () => {
  const waits = [0, 1, 2, 3, 7, 8, 1_000_000].map((failures) => backOff(failures, { ...defaultBackOff, jitter: 0 }, 0));
  expect(waits).toEqual([0, 5_000, 10_000, 20_000, 300_000, 300_000, 300_000]);
});

it('is never longer than the longest wait nor shorter than the jitter allows', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, random) => {
        const wait = backOff(failures, defaultBackOff, random);
        expect(wait).toBeLessThanOrEqual(300_000);
        expect(wait).toBeGreaterThanOrEqual(4_000);
      },
    ),
  );
});
