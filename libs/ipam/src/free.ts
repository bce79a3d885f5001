import { addressFromBigInt, addressToBigInt, familyOf } from '@fairlead/model';
import type { Address, AddressFamily, AddressRange, Pool } from '@fairlead/model';
import { isSame } from './address-book.ts';
import type { AddressBook, Holder } from './address-book.ts';
import { intervalsOf, subtract } from './intervals.ts';
import type { Interval } from './intervals.ts';
import { SortedValues } from './sorted-values.ts';

/**
 * Addresses that something other than a load balancer uses: a gateway, an LB machine, a node,
 * a subnet's broadcast address. Never given, whatever the pools say.
 */
export interface Occupied {
  readonly range: AddressRange;
  /** A noun, for messages: `machine lb-1`, `the gateway of network lan`. */
  readonly by: string;
}

/**
 * What a pool could ever give: all of its ranges without `exclude` and without what is occupied.
 * A CIDR gives every address of its block, the first and the last too: it only says which addresses are ours.
 * That the first and the last of a *subnet* are not usable is told by `occupied`.
 */
export function givable(
  pool: Pick<Pool, 'ranges' | 'exclude'>,
  family: AddressFamily,
  occupied: readonly Occupied[],
): Interval[] {
  const away = [...pool.exclude, ...occupied.map(({ range }) => range)];
  return subtract(intervalsOf(pool.ranges, family), intervalsOf(away, family));
}

/** Values of a pool that are kept for somebody else. */
export function reservedForOthers(pool: Pool, holder: Holder, family: AddressFamily): ReadonlySet<bigint> {
  const others = pool.reservations.filter(
    (reservation) => familyOf(reservation.address) === family && !isSame({ ...reservation, id: '' }, holder),
  );
  return new Set(others.map(({ address }) => addressToBigInt(address)));
}

/** The lowest address of the pool that is not held, resting or reserved. Walks gaps, not addresses. */
export function freeAddressIn(
  pool: Pool,
  family: AddressFamily,
  { wanted, occupied, now }: { readonly wanted: Holder; readonly occupied: readonly Occupied[]; readonly now: number },
  book: AddressBook,
): Address | undefined {
  const held = book.held(family);
  const resting = book.resting(family);
  const reserved = reservedForOthers(pool, wanted, family);
  for (const { first, last } of givable(pool, family, occupied)) {
    for (let value = held.firstAbsent(first); value <= last; value = held.firstAbsent(value + 1n)) {
      const rests = (resting.get(value)?.until ?? now) > now;
      if (!rests && !reserved.has(value)) return addressFromBigInt(value, family);
    }
  }
  return undefined;
}

/**
 * The family that LB machines of this NodeIpPool speak to each other in, and that their VRRP address is of: IPv4 unless
 * the pool has none.
 */
export function machineFamilyOf({ ranges }: Pick<Pool, 'ranges'>): AddressFamily {
  return ranges.some(({ family }) => family === 'ipv4') ? 'ipv4' : 'ipv6';
}

/** The lowest address of a NodeIpPool that no machine has, for a new one. */
export function nextMachineAddress(
  pool: Pick<Pool, 'ranges' | 'exclude'>,
  taken: Iterable<Address>,
  occupied: readonly Occupied[],
): Address | undefined {
  const values = new SortedValues();
  const family = machineFamilyOf(pool);
  for (const address of taken) if (familyOf(address) === family) values.add(addressToBigInt(address));
  const free = (intervals: readonly Interval[]) =>
    intervals
      .map(({ first, last }) => ({ value: values.firstAbsent(first), last }))
      .find(({ value, last }) => value <= last)?.value;
  const value = free(givable(pool, family, occupied));
  return value === undefined ? undefined : addressFromBigInt(value, family);
}
