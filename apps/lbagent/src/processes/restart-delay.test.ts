import { describe, expect, it } from 'vitest';
import { countFailure, restartDelay } from './restart-delay.ts';

describe('restartDelay', () => {
  it('starts a program again at once the first time, then waits longer each time, and never more than 10 s', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 50].map((failures) => restartDelay(failures, 0))).toEqual([
      0, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000,
    ]);
  });

  it('never starts a program sooner than it may', () => {
    expect([1, 2, 3, 4].map((failures) => restartDelay(failures, 500))).toEqual([500, 500, 500, 800]);
  });
});

describe('countFailure', () => {
  it('forgets earlier ends when the program ran well in between', () => {
    expect(countFailure(5, 9_999)).toBe(6);
    expect(countFailure(5, 10_000)).toBe(1);
  });
});
