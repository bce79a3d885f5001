import { expect, it } from 'vitest';
import { inSlices } from './in-slices.ts';
import { createUrgency } from './urgency.ts';

it('long work lets others in between, and answers what it came to', async () => {
  let turns = 0;
  let over = false;
  const others = (): void => {
    turns += 1;
    if (!over) setImmediate(others);
  };
  others();
  const work = function* (): Generator<void, string> {
    for (let stretch = 0; stretch < 10; stretch += 1) {
      const end = performance.now() + 2;
      while (performance.now() < end);
      yield;
    }
    return 'done';
  };
  expect(await inSlices(work())).toBe('done');
  over = true;
  expect(turns).toBeGreaterThan(5);
});

it('what goes wrong on the way is thrown', async () => {
  const work = function* (): Generator<void, void> {
    yield;
    throw new Error('no room');
  };
  await expect(inSlices(work())).rejects.toThrow('no room');
});

/** Works for at least 20 ms, and says when it did. */
function* noted(at: number[]): Generator<void, void> {
  for (let stretch = 0; stretch < 20; stretch += 1) {
    const end = performance.now() + 1;
    while (performance.now() < end);
    at.push(end);
    yield;
  }
}

it('long work stands back while something is urgent', async () => {
  const urgency = createUrgency();
  const at: number[] = [];
  const done = inSlices(noted(at), urgency);
  const [first, second] = [urgency.begin(), urgency.begin()];
  const begun = performance.now();
  let over = Number.POSITIVE_INFINITY;
  setTimeout(first, 10);
  setTimeout(() => {
    over = performance.now();
    second();
  }, 30);
  await done;
  expect(at.filter((each) => each > begun + 5 && each < over)).toEqual([]);
  expect(at).toHaveLength(20);
});

it('and goes on all the same when that has no end', async () => {
  const urgency = createUrgency();
  urgency.begin();
  const at: number[] = [];
  await inSlices(noted(at), urgency);
  expect(at).toHaveLength(20);
});
