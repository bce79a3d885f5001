import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inParallel } from './in-parallel.ts';

it('works on so many at once and no more, and answers in the order of the items', async () => {
  let now = 0;
  let most = 0;
  const results = await inParallel([9, 1, 5, 1, 1], 2, async (ms) => {
    most = Math.max(most, ++now);
    await sleep(ms);
    now -= 1;
    return ms;
  });
  expect({ results, most }).toEqual({ results: [9, 1, 5, 1, 1], most: 2 });
});

it('fails when one does, and has nothing to do for nobody', async () => {
  await expect(inParallel([1, 2], 2, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(await inParallel([], 8, () => Promise.resolve(1))).toEqual([]);
});
