import { expect, it } from 'vitest';
import { superviseLoop, type LoopEnd } from './supervise-loop.ts';
import { handClock } from './testing/hand-clock.ts';

const backOff = { firstMs: 1_000, maxMs: 8_000, jitter: 0 };

it('starts again what ends or throws, waiting longer each time', async () => {
  const clock = handClock();
  const stop = new AbortController();
  const ends: LoopEnd[] = [];
  let runs = 0;
  const run = async (): Promise<void> => {
    runs += 1;
    if (runs % 2 === 0) throw new Error(`run ${runs}`);
  };
  const loop = superviseLoop(run, {
    signal: stop.signal,
    backOff,
    clock,
    random: () => 0,
    onEnd: (end) => ends.push(end),
  });
  await clock.advance(1_000 + 2_000 + 4_000 + 8_000);
  expect(ends.map((end) => end.restartAfterMs)).toEqual([1_000, 2_000, 4_000, 8_000, 8_000]);
  expect(ends.map((end) => end.error)).toEqual([
    undefined,
    new Error('run 2'),
    undefined,
    new Error('run 4'),
    undefined,
  ]);
  stop.abort();
  await loop;
  expect(clock.pending).toBe(0);
  expect(runs).toBe(5);
});

it('waits the first time again after a run that lasted', async () => {
  const clock = handClock();
  const stop = new AbortController();
  const ends: LoopEnd[] = [];
  let runs = 0;
  const run = async (): Promise<void> => {
    runs += 1;
    if (runs === 3) await new Promise<void>((resolve) => clock.after(60_000, resolve));
  };
  const loop = superviseLoop(run, {
    signal: stop.signal,
    backOff,
    clock,
    random: () => 0,
    onEnd: (end) => ends.push(end),
  });
  await clock.advance(1_000 + 2_000 + 60_000);
  expect(ends.map((end) => end.restartAfterMs)).toEqual([1_000, 2_000, 1_000]);
  stop.abort();
  await loop;
});

it('ends when what runs has ended after the abort, without calling that a failure', async () => {
  const stop = new AbortController();
  const ends: LoopEnd[] = [];
  const loop = superviseLoop(
    async (signal) => {
      await new Promise<void>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('aborted'))),
      );
    },
    { signal: stop.signal, onEnd: (end) => ends.push(end) },
  );
  stop.abort();
  await loop;
  expect(ends).toEqual([]);
});
