import { setImmediate as othersFirst } from 'node:timers/promises';
import type { Urgency } from './urgency.ts';

/** What arrives meanwhile waits no longer than this and the longest stretch without a pause. */
const SLICE_MS = 1;
/** So long in all does a piece of work stand back: changes may follow each other for minutes. */
const PATIENCE_MS = 200;

/**
 * Carries long work out in short slices, so that what is urgent comes in between, and stands back while it is under way.
 * The work says where it may pause.
 */
export async function inSlices<T>(work: Generator<unknown, T>, urgency?: Pick<Urgency, 'over'>): Promise<T> {
  let patience = PATIENCE_MS;
  for (;;) {
    const until = performance.now() + SLICE_MS;
    do {
      const step = work.next();
      if (step.done) return step.value;
    } while (performance.now() < until);
    await othersFirst();
    const over = urgency?.over();
    if (over && patience > 0) patience -= await waited(over, patience);
  }
}

/** Milliseconds until it resolved, or `ms`. */
async function waited(promise: Promise<void>, ms: number): Promise<number> {
  const begun = performance.now();
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]);
  clearTimeout(timer);
  return performance.now() - begun;
}
