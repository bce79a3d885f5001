import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { handClock, settle } from './testing/hand-clock.ts';
import { WorkQueue, type WorkFailure, type WorkQueueSettings } from './work-queue.ts';

const backOff = { firstMs: 5_000, maxMs: 300_000, jitter: 0 };

/** A queue whose work ends only when the test says so. */
function makeQueue(settings: Partial<WorkQueueSettings> = {}) {
  const clock = handClock();
  const started: string[] = [];
  const failures: WorkFailure[] = [];
  const open = new Map<string, PromiseWithResolvers<void>>();
  const queue = new WorkQueue({
    workers: 2,
    clock,
    backOff,
    random: () => 0,
    onFailure: (failure) => failures.push(failure),
    work: async (key) => {
      expect(open.has(key), `${key} is worked on twice at once`).toBe(false);
      started.push(key);
      const gate = Promise.withResolvers<void>();
      open.set(key, gate);
      await gate.promise.finally(() => open.delete(key));
    },
    ...settings,
  });
  return {
    queue,
    clock,
    started,
    failures,
    finish: async (key: string, error?: Error) => {
      if (error) open.get(key)!.reject(error);
      else open.get(key)!.resolve();
      await settle();
    },
  };
}

it('a key is in the queue once, and as many run at once as there are workers', async () => {
  const { queue, started, finish } = makeQueue();
  for (const key of ['a', 'b', 'c', 'c', 'd', 'c']) queue.add(key);
  expect(started).toEqual(['a', 'b']);
  expect(queue.depth()).toEqual({ ready: 2, running: 2, waiting: 0 });
  await finish('a');
  expect(started).toEqual(['a', 'b', 'c']);
  await finish('b');
  await finish('c');
  await finish('d');
  await queue.idle();
  expect(started).toEqual(['a', 'b', 'c', 'd']);
});

it('keys of different lanes take turns, and are in the queue once all the same', async () => {
  const lanes: Record<string, string> = { x: 'few', y: 'few' };
  const { queue, started, finish } = makeQueue({ workers: 1, laneOf: (key) => lanes[key] ?? 'many' });
  for (const key of ['a', 'b', 'c', 'd', 'e', 'x', 'y']) queue.add(key);
  lanes['b'] = 'few';
  queue.add('b');
  expect(queue.depth()).toEqual({ ready: 6, running: 1, waiting: 0 });
  while (queue.depth().running > 0) await finish(started.at(-1)!);
  expect(started).toEqual(['a', 'b', 'x', 'c', 'y', 'd', 'e']);
});

it('a key that is added while it is worked on runs again afterwards, and never at the same time', async () => {
  const { queue, started, finish } = makeQueue();
  queue.add('a');
  queue.add('a');
  queue.add('a');
  expect(started).toEqual(['a']);
  await finish('a');
  expect(started).toEqual(['a', 'a']);
  await finish('a');
  expect(queue.depth()).toEqual({ ready: 0, running: 0, waiting: 0 });
});

it('a key that fails waits 5 s, 10 s … 5 min and holds up no other key', async () => {
  const { queue, clock, failures, started } = makeQueue({
    workers: 1,
    work: async (key) => {
      started.push(key);
      if (key === 'bad') throw new Error('no');
    },
  });
  queue.add('bad');
  queue.add('good');
  await clock.advance(0);
  expect(started).toEqual(['bad', 'good']);
  await clock.advance(3_600_000);
  const waits = failures.map(({ retryAfterMs }) => retryAfterMs / 1_000);
  expect(waits.slice(0, 8)).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
  expect(queue.failuresOf('bad')).toBe(waits.length);
  expect(queue.failuresOf('good')).toBe(0);
});

it('a key that succeeds starts again from the first wait', async () => {
  let broken = true;
  const { queue, clock, failures } = makeQueue({
    work: async () => {
      if (broken) throw new Error('no');
    },
  });
  queue.add('a');
  await clock.advance(6_000);
  broken = false;
  await clock.advance(10_000);
  expect(queue.failuresOf('a')).toBe(0);
  broken = true;
  queue.add('a');
  await clock.advance(0);
  expect(failures.map((failure) => failure.retryAfterMs)).toEqual([5_000, 10_000, 5_000]);
});

it('adding a key that backs off runs it at once and only once', async () => {
  const { queue, clock, started, finish } = makeQueue();
  queue.add('a');
  await finish('a', new Error('no'));
  expect(queue.depth().waiting).toBe(1);
  queue.add('a');
  expect(started).toEqual(['a', 'a']);
  await finish('a');
  await clock.advance(600_000);
  expect(started).toEqual(['a', 'a']);
});

it('a success may ask to be looked at again, and the earlier of two times counts', async () => {
  const { queue, clock, started } = makeQueue({
    work: async (key) => {
      started.push(key);
      return started.length === 1 ? { againAfterMs: 2_000 } : undefined;
    },
  });
  queue.add('a');
  await clock.advance(0);
  queue.addAfter('a', 1_000);
  queue.addAfter('a', 5_000);
  await clock.advance(999);
  expect(started).toHaveLength(1);
  await clock.advance(1);
  expect(started).toHaveLength(2);
  await clock.advance(60_000);
  expect(started).toHaveLength(2);
});

it('stopping starts nothing more, tells what runs, waits for it and leaves no timer', async () => {
  let told = false;
  const gate = Promise.withResolvers<void>();
  const { queue, clock, started } = makeQueue({
    workers: 1,
    work: async (key, signal) => {
      started.push(key);
      signal.addEventListener('abort', () => (told = true));
      await gate.promise;
    },
  });
  queue.add('a');
  queue.add('b');
  queue.addAfter('c', 1_000);
  let stopped = false;
  const stop = queue.stop().then(() => (stopped = true));
  await settle();
  expect([told, stopped]).toEqual([true, false]);
  gate.reject(new Error('interrupted'));
  await stop;
  queue.add('d');
  await clock.advance(600_000);
  expect(started).toEqual(['a']);
  expect(clock.pending).toBe(0);
});

it('whatever happens in whatever order, every key that was added last runs after that', async () => {
  const step = fc.tuple(fc.constantFrom('add', 'fail', 'finish', 'advance'), fc.constantFrom('a', 'b', 'c', 'd'));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const lastStart = new Map<string, number>();
      const lastAdd = new Map<string, number>();
      const open = new Map<string, PromiseWithResolvers<void>>();
      let time = 0;
      const { queue, clock } = makeQueue({
        work: async (key) => {
          expect(open.has(key)).toBe(false);
          expect(open.size).toBeLessThan(2);
          lastStart.set(key, (time += 1));
          const gate = Promise.withResolvers<void>();
          open.set(key, gate);
          await gate.promise.finally(() => open.delete(key));
        },
      });
      for (const [kind, key] of steps) {
        if (kind === 'add') {
          lastAdd.set(key, (time += 1));
          queue.add(key);
        } else if (kind === 'advance') await clock.advance(7_000);
        else if (kind === 'fail') open.get(key)?.reject(new Error('no'));
        else open.get(key)?.resolve();
        await settle();
      }
      for (let round = 0; queue.depth().ready + queue.depth().running > 0 && round < 50; round += 1) {
        for (const gate of open.values()) gate.resolve();
        await settle();
      }
      expect(queue.depth()).toMatchObject({ ready: 0, running: 0 });
      for (const [key, added] of lastAdd) expect(lastStart.get(key)).toBeGreaterThan(added);
      await queue.stop();
    }),
    { numRuns: 100 },
  );
});
