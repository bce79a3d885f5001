import { setImmediate as othersFirst } from 'node:timers/promises';

/** What arrives meanwhile waits no longer than this and the longest stretch without a pause. */
const SLICE_MS = 1;

/** Carries long work out in short slices, so that what is urgent comes in between. The work says where it may pause. */
export async function inSlices<T>(work: Generator<unknown, T>): Promise<T> {
  for (;;) {
    const until = performance.now() + SLICE_MS;
    do {
      const step = work.next();
      if (step.done) return step.value;
    } while (performance.now() < until);
    await othersFirst();
  }
}
