import { expect, it } from 'vitest';
import { suspendAwareClock } from './suspend-aware-clock.ts';

it('goes on with whichever clock went further, and never back', () => {
  let [monotonic, wall] = [100, 5_000];
  const clock = suspendAwareClock({ now: () => monotonic, after: () => () => {} }, () => wall);
  monotonic += 10;
  wall += 10;
  expect(clock.now()).toBe(10);
  // The machine slept: only the wall clock knows.
  wall += 60_000;
  expect(clock.now()).toBe(60_010);
  // Somebody set the wall clock back.
  monotonic += 5;
  wall -= 100_000;
  expect(clock.now()).toBe(60_015);
});
