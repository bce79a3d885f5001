import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backdating, nextAttempt, renewAt } from './renewal.ts';

const hour = 3_600_000;
const day = { notBefore: -backdating, notAfter: 24 * hour };
const fraction = fc.double({ min: 0, max: 0.999_999, noNaN: true });

describe('renewal', () => {
  it('is due between 60 % and 70 % of the life a certificate was given', () => {
    fc.assert(
      fc.property(fraction, fc.integer({ min: 4000, max: 30 * 24 * hour }), (random, life) => {
        const due = renewAt({ notBefore: -backdating, notAfter: life }, random);
        expect(due).toBeGreaterThanOrEqual(life * 0.6);
        expect(due).toBeLessThanOrEqual(life * 0.7);
      }),
    );
  });

  it('of certificates that live for seconds is not due at once, although they are backdated by a minute', () => {
    expect(renewAt({ notBefore: 1000 - backdating, notAfter: 6000 }, 0)).toBe(4000);
  });

  it('pauses ever longer after failures, up to a fiftieth of the life', () => {
    const pauses = [1, 2, 3, 4, 20].map(
      (failures) => nextAttempt(day, { failures, lastFailure: 15 * hour }, 0.999_999) - 15 * hour,
    );
    expect(pauses.map((pause) => Math.round(pause / 1000))).toEqual([1, 2, 4, 8, 1728]);
  });

  it('pauses a minute at most when the end is near, and goes on after it', () => {
    for (const lastFailure of [20 * hour, 23 * hour, 24 * hour, 400 * hour]) {
      const pause = nextAttempt(day, { failures: 50, lastFailure }, 0.999_999) - lastFailure;
      expect(Math.round(pause)).toBe(60_000);
    }
  });

  it('never waits less than half a second or into the past after a failure', () => {
    fc.assert(
      fc.property(
        fraction,
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 0, max: 100 * hour }),
        (random, failures, lastFailure) => {
          expect(nextAttempt(day, { failures, lastFailure }, random)).toBeGreaterThanOrEqual(lastFailure + 500);
        },
      ),
    );
  });
});
