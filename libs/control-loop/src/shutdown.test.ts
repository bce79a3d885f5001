import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { Shutdown } from './shutdown.ts';
import { handClock, settle } from './testing/hand-clock.ts';

class FakeProcess extends EventEmitter {
  codes: number[] = [];
  exit(code: number): void {
    this.codes.push(code);
  }
}

it('runs the steps once, last added first, and one that fails does not keep the others from running', async () => {
  const order: string[] = [];
  const problems: unknown[] = [];
  const shutdown = new Shutdown({ onProblem: (problem) => problems.push(problem) });
  shutdown.step('store', () => void order.push('store'));
  shutdown.step('loop', () => {
    throw new Error('stuck');
  });
  shutdown.step('control port', async () => {
    await settle();
    order.push('control port');
  });
  expect(shutdown.signal.aborted).toBe(false);
  expect(await Promise.all([shutdown.begin(), shutdown.begin()])).toEqual([false, false]);
  expect(shutdown.signal.aborted).toBe(true);
  expect(order).toEqual(['control port', 'store']);
  expect(problems).toEqual([{ step: 'loop', error: new Error('stuck') }]);
});

it('gives up at the time limit and names the step that hangs', async () => {
  const clock = handClock();
  const problems: string[] = [];
  const shutdown = new Shutdown({ clock, timeLimitMs: 3_000, onProblem: ({ step }) => problems.push(step) });
  let storeClosed = false;
  const hanging = Promise.withResolvers<void>();
  shutdown.step('store', () => void (storeClosed = true));
  shutdown.step('stream', () => hanging.promise);
  const done = shutdown.begin();
  await clock.advance(3_000);
  expect(await done).toBe(false);
  hanging.resolve();
  await settle();
  expect([problems, storeClosed]).toEqual([['stream'], false]);
});

it('begins at SIGTERM or SIGINT, ends the process with 0 when all went well, and at once at the second signal', async () => {
  const source = new FakeProcess();
  const gate = Promise.withResolvers<void>();
  const shutdown = new Shutdown();
  shutdown.step('work', () => gate.promise);
  shutdown.onSignals(source);
  source.emit('SIGINT');
  await settle();
  expect(source.codes).toEqual([]);
  source.emit('SIGTERM');
  expect(source.codes).toEqual([1]);
  gate.resolve();
  await settle();
  expect(source.codes).toEqual([1, 0]);
});
