import { expect, it } from 'vitest';
import { hasLearnt } from './peers-state.ts';

const reply = (flags: string): string =>
  `0x556c: [21/Nov/2026:21:23:26] id=fairlead disabled=0 flags=${flags} resync_timeout=3s task_calls=3
  0x556d: id=lb-2(remote,active) addr=10.9.1.2:7432 last_status=ESTA last_hdshk=1s
        flags=0x0 appctx:0x7f st0=6 st1=0 task_calls=2 state=EST
`;

it.each([
  ['0x0', false],
  ['0x1', false],
  ['0x11', false],
  ['0x3', true],
  ['0x33', true],
])('a worker with flags %s hands its memory over: %s', (flags, ready) => {
  expect(hasLearnt(reply(flags))).toBe(ready);
});

it('one without peers has nothing to hand over', () => {
  expect(hasLearnt('')).toBe(true);
});
