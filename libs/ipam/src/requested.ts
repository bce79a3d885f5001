import { addressToBigInt, displayName, familyOf, familyText, rangeContains, refusal } from '@fairlead/model';
import type { Address, Pool, Refusal } from '@fairlead/model';
import { isSame } from './address-book.ts';
import type { AddressBook } from './address-book.ts';
import type { AssignRequest } from './assign.ts';
import { timeText } from './explain.ts';
import { reservedForOthers } from './free.ts';
import { whyNotAllowed } from './permission.ts';
import type { Wanted } from './permission.ts';
import { othersAt, whyNotJoin, whyNotStay } from './sharing.ts';

const FIELD = 'wantedAddresses';
/** Why nobody new gets an address; no reason against joining somebody who has it. */
const IN_USE: readonly string[] = ['ADDRESS_EXCLUDED', 'ADDRESS_RESERVED'];

/** Why the addresses asked for cannot fit the families, or undefined when they can. */
export function familyMisfit({ families, wantedAddresses }: Wanted): Refusal | undefined {
  const stray = wantedAddresses.find((address) => !families.includes(familyOf(address)));
  if (stray !== undefined) {
    const message = `${stray} is an ${familyText(familyOf(stray))} address, but only ${families.map(familyText).join(' and ')} is asked for: ask for an address of that family`;
    return refusal('ADDRESS_FAMILY_MISMATCH', FIELD, message);
  }
  const repeated = families.find(
    (family) => wantedAddresses.filter((wanted) => familyOf(wanted) === family).length > 1,
  );
  if (repeated === undefined) return undefined;
  const message = `${wantedAddresses.join(' and ')} are asked for: at most one ${familyText(repeated)} address can be given`;
  return refusal('ADDRESS_FAMILY_MISMATCH', FIELD, message);
}

/** The pool that grants this very address, or why nobody grants it. */
export function requestedAddress(address: Address, request: AssignRequest, book: AddressBook): Pool | Refusal {
  const { wanted, pools, occupied } = request;
  const pool = pools.find((candidate) => candidate.ranges.some((range) => rangeContains(range, address)));
  const others = othersAt(address, wanted, book);
  if (book.addressesOf(wanted.id).includes(address) && pool !== undefined && (wanted.pool ?? pool.name) === pool.name) {
    return whyNotStay(address, wanted, others) ?? pool;
  }
  const why = whyNotJoin(address, wanted, others, pool);
  if (why !== undefined) return why;
  const user = occupied.find(({ range }) => rangeContains(range, address));
  if (user !== undefined) {
    return refusal('ADDRESS_OCCUPIED', FIELD, `${address} is ${user.by}: ask for another address`);
  }
  if (pool === undefined) return outsidePools(address, request);
  const refused = refusedByPool(address, pool, request);
  // Whoever holds it was let in; the newcomer joins by the key, not by the pool's favour.
  if (others.length > 0 && refused !== undefined && IN_USE.includes(refused.reason)) return pool;
  return refused ?? stillResting(address, request, book) ?? pool;
}

function outsidePools(address: Address, { pools, set }: AssignRequest): Refusal {
  const usable = pools.filter(({ name }) => set.vipPools.includes(name)).map(({ name }) => name);
  const where = usable.length === 0 ? 'there is no pool' : `pools here: ${usable.sort().join(', ')}`;
  return refusal('ADDRESS_OUTSIDE_POOLS', FIELD, `${address} is in no pool: ask for an address of one (${where})`);
}

function refusedByPool(address: Address, pool: Pool, request: AssignRequest): Refusal | undefined {
  const { wanted, set } = request;
  if (wanted.pool !== undefined && wanted.pool !== pool.name) {
    const message = `${address} is in pool ${pool.name}, but pool ${wanted.pool} is asked for: make the two agree`;
    return refusal('ADDRESS_NOT_IN_POOL', FIELD, message);
  }
  const why = whyNotAllowed(pool, wanted, set);
  if (why !== undefined) {
    const message = `${address} is in pool ${pool.name}, which ${why}: ask for an address of another pool`;
    return refusal('ADDRESS_NOT_ALLOWED', FIELD, message);
  }
  if (pool.exclude.some((range) => rangeContains(range, address))) {
    const message = `${address} is excluded from pool ${pool.name}: ask for another address`;
    return refusal('ADDRESS_EXCLUDED', FIELD, message);
  }
  if (reservedForOthers(pool, wanted, familyOf(address)).has(addressToBigInt(address))) {
    const owner = pool.reservations.find((reservation) => reservation.address === address)!;
    const message = `${address} is reserved for ${displayName(owner)} in pool ${pool.name}: ask for another address`;
    return refusal('ADDRESS_RESERVED', FIELD, message);
  }
  return undefined;
}

function stillResting(address: Address, { wanted, now }: AssignRequest, book: AddressBook): Refusal | undefined {
  const rest = book.restOf(address);
  if (rest === undefined || rest.until <= now || isSame(rest.lastHolder, wanted)) return undefined;
  const message = `${address} was given back by ${displayName(rest.lastHolder)} and rests until ${timeText(rest.until)}: wait, or ask for another address`;
  return refusal('ADDRESS_RESTING', FIELD, message);
}
