/** How long a program must have run for its end to count as the first one again. */
const CALM_MS = 10_000;
const FIRST_MS = 200;
const LONGEST_MS = 10_000;

/**
 * PURE. Milliseconds to wait before a program is started again after its `failures`-th early end in a row (from 1):
 * `leastMs` the first time, then 200 ms, doubling, at most 10 s, and never less than `leastMs`.
 */
export function restartDelay(failures: number, leastMs: number): number {
  const delay = failures <= 1 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 2));
  return Math.max(leastMs, delay);
}

/** PURE. The count of early ends in a row, given how long the program ran this time. */
export function countFailure(before: number, ranMs: number): number {
  return ranMs >= CALM_MS ? 1 : before + 1;
}
