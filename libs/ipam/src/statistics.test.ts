import { address } from '@fairlead/model';
import { expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { nextMachineAddress } from './free.ts';
import { poolStatistics } from './statistics.ts';
import { pool, range } from './testing/pools.ts';

const front = { cluster: 'prod', namespace: 'shop', name: 'front' };

test('every address of a pool is counted once: free, held, resting or reserved', () => {
  const book = new AddressBook(
    [{ address: address('10.0.0.1'), holder: { id: '1', ...front }, since: 0 }],
    [
      { address: address('10.0.0.2'), lastHolder: { id: '2', ...front }, until: 2_000 },
      { address: address('10.0.0.3'), lastHolder: { id: '3', ...front }, until: 500 },
    ],
  );
  const reservations = ['10.0.0.1', '10.0.0.2', '10.0.0.4'].map((text) => ({ address: address(text), ...front }));
  const counted = pool('p', '10.0.0.0/28', { exclude: [range('10.0.0.8-10.0.0.9')], reservations });
  const occupied = [{ range: range('10.0.0.0'), by: 'the network address' }];
  expect(poolStatistics({ pool: counted, occupied, now: 1_000 }, book)).toEqual({
    total: 13n,
    free: 10n,
    held: 1n,
    quarantined: 1n,
    reserved: 1n,
    nextFree: 2_000,
  });
});

test('an address that was excluded while it was held still counts as held, and never as free', () => {
  const book = new AddressBook([{ address: address('10.0.0.1'), holder: { id: '1', ...front }, since: 0 }]);
  const counted = pool('p', '10.0.0.0/30', { exclude: [range('10.0.0.1')] });
  expect(poolStatistics({ pool: counted, occupied: [], now: 0 }, book)).toMatchObject({
    total: 4n,
    free: 3n,
    held: 1n,
  });
});

test('a v6 pool has more addresses than a number can say', () => {
  expect(poolStatistics({ pool: pool('p', 'fd00::/64'), occupied: [], now: 0 }, new AddressBook()).free).toBe(
    2n ** 64n,
  );
});

test('a new machine gets the lowest address that no machine has', () => {
  const machines = pool('p', '10.0.0.20-10.0.0.22', { exclude: [range('10.0.0.20')] });
  expect(nextMachineAddress(machines, [address('10.0.0.21')], [])).toBe('10.0.0.22');
  expect(nextMachineAddress(machines, ['10.0.0.21', '10.0.0.22'].map(address), [])).toBeUndefined();
});
