import { expect, it } from 'vitest';
import type { LeaseRecord } from './leadership.ts';
import { decide, ELECTION_TIMES, observe, stillLeads } from './leadership.ts';

const lease = (parts: Partial<LeaseRecord> = {}): LeaseRecord => ({
  holder: 'other',
  renewTime: '2026-01-01T00:00:00.000000Z',
  leaseMs: 15_000,
  transitions: 0,
  acquireTime: '',
  resourceVersion: '7',
  ...parts,
});

it('makes the lease when there is none', () => {
  expect(decide({ record: undefined, since: 0 }, 'me', 0)).toEqual({ kind: 'create' });
});

it('waits while the holder renews, however wrong its clock is', () => {
  const first = observe(undefined, lease({ renewTime: '1999-01-01T00:00:00.000000Z' }), 1_000);
  const second = observe(first, lease({ renewTime: '1999-01-01T00:00:02.000000Z' }), 14_000);
  expect(decide(second, 'me', 28_000)).toEqual({ kind: 'wait', holder: 'other' });
});

it('takes over when the holder has not been seen to renew for a whole lease', () => {
  const seen = observe(observe(undefined, lease(), 1_000), lease(), 9_000);
  expect(decide(seen, 'me', 16_000)).toMatchObject({ kind: 'wait' });
  expect(decide(seen, 'me', 16_001)).toMatchObject({ kind: 'take', record: { resourceVersion: '7' } });
});

it('takes over at once from a holder that let go', () => {
  expect(decide(observe(undefined, lease({ holder: '' }), 5), 'me', 5)).toMatchObject({ kind: 'take' });
});

it('renews what is its own', () => {
  expect(decide(observe(undefined, lease({ holder: 'me' }), 5), 'me', 99_000)).toMatchObject({ kind: 'renew' });
});

it('knows by its own clock alone that it leads no more', () => {
  expect(stillLeads(undefined, 0, ELECTION_TIMES)).toBe(false);
  expect(stillLeads(1_000, 10_999, ELECTION_TIMES)).toBe(true);
  expect(stillLeads(1_000, 11_000, ELECTION_TIMES)).toBe(false);
});
