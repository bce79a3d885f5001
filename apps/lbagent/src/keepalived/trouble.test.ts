import { expect, it } from 'vitest';
import { type KeepalivedSeen, keepalivedTrouble } from './trouble.ts';

const NOW = 100_000;
const LOG = 'journalctl --unit=keepalived';
const running = { kind: 'running', pid: 7, adopted: false } as const;

const seen = (more: Partial<KeepalivedSeen> = {}): KeepalivedSeen => ({
  instances: [{ name: 'edge', device: 'eth0', linkUp: true }],
  process: running,
  processSince: 0,
  said: new Map([['edge', { state: 'BACKUP', at: 0 }]]),
  fitSince: 0,
  log: LOG,
  ...more,
});
const fault = (at: number): Partial<KeepalivedSeen> => ({ said: new Map([['edge', { state: 'FAULT', at }]]) });

it('nothing is wrong while it runs, whatever it said last but FAULT, or nothing', () => {
  for (const state of ['MASTER', 'BACKUP', 'STOP'] as const) {
    expect(keepalivedTrouble(seen({ said: new Map([['edge', { state, at: 0 }]]) }), NOW)).toBeUndefined();
  }
  expect(keepalivedTrouble(seen({ said: new Map() }), NOW)).toBeUndefined();
});

it('one that ended is told of with the reason and where to look', () => {
  const process = { kind: 'waiting', reason: 'ended with code 1', delayMs: 500 } as const;
  expect(keepalivedTrouble(seen({ process }), NOW)).toBe(
    'keepalived does not stay up (ended with code 1), so this machine cannot own addresses: journalctl --unit=keepalived says why',
  );
});

it('one that ended is well again only when it has stayed up for two seconds', () => {
  const ended = { reason: 'was killed by SIGKILL', at: NOW };
  expect(keepalivedTrouble(seen({ ended }), NOW + 1_999)).toContain('was killed by SIGKILL');
  expect(keepalivedTrouble(seen({ ended }), NOW + 2_000)).toBeUndefined();
});

it('FAULT is told of when it lasts, with the link when that is down', () => {
  expect(keepalivedTrouble(seen(fault(NOW)), NOW + 2_999)).toBeUndefined();
  expect(keepalivedTrouble(seen(fault(NOW)), NOW + 3_000)).toContain('although haproxy answers');
  const instances = [{ name: 'edge', device: 'eth0', linkUp: false }];
  expect(keepalivedTrouble(seen({ ...fault(NOW), instances }), NOW + 3_000)).toBe(
    'keepalived is in FAULT because link eth0 is down, so this machine cannot own addresses: bring it up',
  );
});

it('FAULT is as it should be while this machine is not fit, and for a moment after', () => {
  const { fitSince: _, ...unfit } = seen(fault(0));
  expect(keepalivedTrouble(unfit, NOW)).toBeUndefined();
  expect(keepalivedTrouble(seen({ ...fault(0), fitSince: NOW }), NOW + 2_999)).toBeUndefined();
  expect(keepalivedTrouble(seen({ ...fault(0), fitSince: NOW }), NOW + 3_000)).toContain('FAULT');
});

it('one that could not be started is told of after a moment', () => {
  const stopped = seen({ process: { kind: 'stopped' }, processSince: NOW });
  expect(keepalivedTrouble(stopped, NOW + 2_999)).toBeUndefined();
  expect(keepalivedTrouble(stopped, NOW + 3_000)).toContain('has not been started');
});

it('says nothing where there is nothing to run', () => {
  expect(keepalivedTrouble(seen({ process: { kind: 'stopped' }, instances: [] }), NOW)).toBeUndefined();
});
