import { expect, it } from 'vitest';
import { inSlices } from './in-slices.ts';

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
