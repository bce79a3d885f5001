import { addressToBigInt, familyOf } from '@fairlead/model';
import type { AddressFamily, Pool } from '@fairlead/model';
import type { AddressBook } from './address-book.ts';
import { givable } from './free.ts';
import type { Occupied } from './free.ts';
import { contains, intervalsOf, sizeOf } from './intervals.ts';

/** Addresses of one pool, counted. total = free + held + quarantined + reserved. */
export interface PoolStatistics {
  /** What the pool could give if nothing were in use, and what is in use. */
  readonly total: bigint;
  /** Anybody who may use the pool could get it now. */
  readonly free: bigint;
  readonly held: bigint;
  readonly quarantined: bigint;
  /** Kept for a load balancer that does not hold it now. */
  readonly reserved: bigint;
  /** When the first of the resting ones is free; milliseconds since 1970. */
  readonly nextFree?: number;
}

export interface PoolAt {
  readonly pool: Pool;
  readonly occupied: readonly Occupied[];
  readonly now: number;
  /** Both, unless told. */
  readonly families?: readonly AddressFamily[];
}

/** Counts intervals, not addresses: a v6 /64 costs no more than a /28. */
export function poolStatistics({ pool, occupied, now, families }: PoolAt, book: AddressBook): PoolStatistics {
  let [free, held, quarantined, reserved] = [0n, 0n, 0n, 0n];
  let nextFree: number | undefined;
  for (const family of families ?? (['ipv4', 'ipv6'] as const)) {
    const usable = givable(pool, family, occupied);
    const inUse = book.held(family);
    const isHeld = (value: bigint) => inUse.firstAbsent(value) !== value;
    for (const { first, last } of intervalsOf(pool.ranges, family)) held += BigInt(inUse.count(first, last));

    const resting = [...book.resting(family)].filter(
      ([value, rest]) => rest.until > now && !isHeld(value) && contains(usable, value),
    );
    const restingValues = new Set(resting.map(([value]) => value));
    quarantined += BigInt(resting.length);
    for (const [, { until }] of resting) nextFree = Math.min(until, nextFree ?? until);

    const kept = pool.reservations
      .filter(({ address }) => familyOf(address) === family)
      .map(({ address }) => addressToBigInt(address))
      .filter((value) => contains(usable, value) && !isHeld(value) && !restingValues.has(value));
    reserved += BigInt(new Set(kept).size);

    const heldUsable = usable.reduce((sum, { first, last }) => sum + inUse.count(first, last), 0);
    free += sizeOf(usable) - BigInt(heldUsable) - BigInt(resting.length) - BigInt(new Set(kept).size);
  }
  const total = free + held + quarantined + reserved;
  return { total, free, held, quarantined, reserved, ...(nextFree === undefined ? {} : { nextFree }) };
}
