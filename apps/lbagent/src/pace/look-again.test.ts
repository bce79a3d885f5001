import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { lookAgain } from './look-again.ts';

it('looks at once, then again and again, also after a look that failed, and no more once it is stopped', async () => {
  const told: unknown[] = [];
  let looks = 0;
  const look = async (): Promise<void> => {
    looks += 1;
    if (looks === 2) throw new Error('away');
  };
  const stop = lookAgain(1, look, (error) => told.push(error));
  expect(looks).toBe(1);
  await vi.waitFor(() => expect(looks).toBeGreaterThan(3));
  stop();
  const seen = looks;
  await sleep(20);
  expect([looks, told]).toEqual([seen, [new Error('away')]]);
});

it('waits for the end of a look before the next one, and begins none after it was stopped meanwhile', async () => {
  const ends: (() => void)[] = [];
  const stop = lookAgain(1, () => new Promise((resolve) => void ends.push(resolve)));
  await sleep(20);
  expect(ends).toHaveLength(1);
  ends[0]!();
  await vi.waitFor(() => expect(ends).toHaveLength(2));
  stop();
  ends[1]!();
  await sleep(20);
  expect(ends).toHaveLength(2);
});
