import { compareAddresses, familyOf, rangeContains, refusal } from '@fairlead/model';
import type { Address, AddressFamily, Pool, Refusal } from '@fairlead/model';
import { isSame } from './address-book.ts';
import type { AddressBook } from './address-book.ts';
import { noneFree, quotaExceeded } from './explain.ts';
import { freeAddressIn } from './free.ts';
import type { Occupied } from './free.ts';
import { namedPool, whyNotAllowed } from './permission.ts';
import type { ServingSet, Wanted } from './permission.ts';
import { familyMisfit, requestedAddress } from './requested.ts';

/** One wish for addresses and the site it is made in. Pools in any order; they do not overlap. */
export interface AssignRequest {
  readonly wanted: Wanted;
  readonly set: ServingSet;
  /** All of the site's, so that a refusal can say which one an address is in. */
  readonly pools: readonly Pool[];
  readonly occupied: readonly Occupied[];
  /** Most addresses that the cluster may hold, its control plane's included; undefined: no limit. */
  readonly quota?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface AssignedAddress {
  readonly address: Address;
  readonly family: AddressFamily;
  readonly pool: string;
  readonly network: string;
}

export type Assignment =
  | {
      readonly ok: true;
      /** One per family asked for, in that order. */
      readonly addresses: readonly AssignedAddress[];
      /** Held until now and not wanted any more: to be released in the same transaction. */
      readonly released: readonly Address[];
    }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Gives a load balancer its addresses, all families or none; changes nothing.
 * In this order: the address asked for; the one it has (a live address never moves because a pool's rules changed,
 * only because its owner asks for another address or pool); one reserved for it; the one it had before it was deleted;
 * the lowest free one of the pools it may use, by priority, then name.
 * A refusal leaves it what it holds.
 */
export function assign(request: AssignRequest, book: AddressBook): Assignment {
  const { wanted, quota } = request;
  const misfit = familyMisfit(wanted);
  if (misfit !== undefined) return { ok: false, refusal: misfit };

  const addresses: AssignedAddress[] = [];
  for (const family of wanted.families) {
    const given = addressFor(family, request, book);
    if ('reason' in given) return { ok: false, refusal: given };
    addresses.push(given);
  }

  const held = book.addressesOf(wanted.id);
  const released = held.filter((address) => !addresses.some((given) => given.address === address));
  const growth = addresses.length - held.length;
  const count = book.countOf(wanted.cluster);
  if (quota !== undefined && growth > 0 && count + growth > quota) {
    return { ok: false, refusal: quotaExceeded(wanted.cluster, quota, count) };
  }
  return { ok: true, addresses, released };
}

function addressFor(family: AddressFamily, request: AssignRequest, book: AddressBook): AssignedAddress | Refusal {
  const { wanted, pools, set } = request;
  const asked = wanted.wantedAddresses.find((address) => familyOf(address) === family);
  if (asked !== undefined) return requested(asked, request, book);

  const kept = keptAddress(family, request, book);
  if (kept !== undefined) return kept;

  const named = namedPool(pools, wanted, set);
  if (named !== undefined && 'reason' in named) return named;

  return reservedAddress(family, request, book) ?? anyAddress(family, request, book, named);
}

function requested(address: Address, request: AssignRequest, book: AddressBook): AssignedAddress | Refusal {
  const pool = requestedAddress(address, request, book);
  return 'reason' in pool ? pool : placed(address, pool);
}

/** The address it holds already, unless it now asks for another pool by name. */
function keptAddress(family: AddressFamily, request: AssignRequest, book: AddressBook) {
  const { wanted, pools } = request;
  const held = book.addressesOf(wanted.id).find((address) => familyOf(address) === family);
  if (held === undefined) return undefined;
  const pool = poolContaining(pools, held);
  if (pool !== undefined)
    return wanted.pool === undefined || wanted.pool === pool.name ? placed(held, pool) : undefined;
  const message = `${held} is in no pool any more: put its range back, or delete this load balancer`;
  return refusal('ADDRESS_OUTSIDE_POOLS', '', message);
}

/** What an operator keeps for it by name, judged like an address it had asked for itself. */
function reservedAddress(family: AddressFamily, request: AssignRequest, book: AddressBook) {
  const { wanted, pools } = request;
  const outcomes = pools
    .filter((pool) => wanted.pool === undefined || wanted.pool === pool.name)
    .flatMap((pool) => pool.reservations)
    .filter((reservation) => isSame({ ...reservation, id: '' }, wanted) && familyOf(reservation.address) === family)
    .map(({ address }) => address)
    .sort(compareAddresses)
    .map((address) => requested(address, request, book));
  return outcomes.find((outcome) => 'address' in outcome) ?? outcomes[0];
}

function anyAddress(family: AddressFamily, request: AssignRequest, book: AddressBook, named: Pool | undefined) {
  const { wanted, set } = request;
  const candidates = [...request.pools]
    .filter((pool) => (named ?? pool) === pool)
    .sort(byPriority)
    .map((pool) => ({ pool, why: whyNotAllowed(pool, wanted, set) ?? whyNotByItself(pool, named) }));
  const allowed = candidates.filter(({ why }) => why === undefined).map(({ pool }) => pool);

  for (const former of book.formerAddressesOf(wanted)) {
    const pool = familyOf(former) === family ? poolContaining(allowed, former) : undefined;
    if (pool !== undefined && !('reason' in requestedAddress(former, request, book))) return placed(former, pool);
  }
  for (const pool of allowed) {
    const free = freeAddressIn(pool, family, request, book);
    if (free !== undefined) return placed(free, pool);
  }
  return noneFree(family, candidates, request, book);
}

function whyNotByItself(pool: Pool, named: Pool | undefined): string | undefined {
  return pool.autoAssign || named === pool ? undefined : 'gives addresses only to those who ask for it by name';
}

function byPriority(a: Pool, b: Pool): number {
  return a.priority - b.priority || (a.name < b.name ? -1 : 1);
}

/** The pool whose ranges include the address, `exclude` or not. */
export function poolContaining(pools: readonly Pool[], address: Address): Pool | undefined {
  return pools.find((pool) => pool.ranges.some((range) => rangeContains(range, address)));
}

function placed(address: Address, pool: Pool): AssignedAddress {
  return { address, family: familyOf(address), pool: pool.name, network: pool.network };
}
