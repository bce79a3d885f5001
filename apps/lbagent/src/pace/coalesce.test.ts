import { expect, it } from 'vitest';
import { coalesce } from './coalesce.ts';

function counting(fail = false) {
  const seen: number[] = [];
  const errors: unknown[] = [];
  let value = 0;
  const work = coalesce({
    async work() {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (fail) throw new Error('disk full');
      seen.push(value);
    },
    onError: (error) => errors.push(error),
    pauseMs: 1,
  });
  const change = (): void => {
    value += 1;
    work.request();
  };
  return { work, change, seen, errors };
}

it('many changes are few runs, and the last change is in the last run', async () => {
  const { work, change, seen } = counting();
  for (let count = 0; count < 50; count++) {
    change();
    if (count % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await work.settled();
  expect(seen.length).toBeLessThan(10);
  expect(seen.at(-1)).toBe(50);
});

it('a run that fails is told of, and the next one comes', async () => {
  const { work, change, errors } = counting(true);
  change();
  await work.settled();
  change();
  await work.settled();
  expect(errors).toHaveLength(2);
});

it('work that wants to be alone runs between the others, also after one that failed', async () => {
  const { work, change, seen } = counting();
  change();
  const alone = work.alone(async () => {
    const before = seen.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return seen.length === before;
  });
  change();
  expect(await alone).toBe(true);
  await expect(work.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  change();
  await work.settled();
  expect(seen.at(-1)).toBe(3);
});
