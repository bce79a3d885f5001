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
import { othersAt, whyNotJoin, whyNotStay } from './sharing.ts';

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
      /** Why a family has none, or not the one asked for; only when families are optional. What it holds there stays. */
      readonly lacking?: Refusal;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Gives a load balancer its addresses, all families or none, or those that can be had when its families are optional;
 * changes nothing.
 * In this order: the address asked for; the one it has (a live address never moves because a pool's rules changed,
 * only because its owner asks for another address or pool); one reserved for it; the one it had before it was deleted;
 * one of those it shares with by its key; the lowest free one of the pools it may use, by priority, then name.
 * A refusal leaves it what it holds.
 */
export function assign(request: AssignRequest, book: AddressBook): Assignment {
  const { wanted } = request;
  const misfit = familyMisfit(wanted);
  if (misfit !== undefined) return { ok: false, refusal: misfit };

  const outcomes = wanted.families.map((family) => addressFor(family, request, book));
  const addresses = outcomes.filter((outcome) => 'address' in outcome);
  const refusals = outcomes.filter((outcome) => 'reason' in outcome);
  // What is lacking keeps the address it has: that must go together with those who share it.
  const kept = book
    .addressesOf(wanted.id)
    .filter((held) => !addresses.some((given) => given.family === familyOf(held)));
  const stays = kept.every((held) => whyNotStay(held, wanted, othersAt(held, wanted, book)) === undefined);
  const isPartial = wanted.familiesOptional === true && addresses.length > 0 && stays;
  if (refusals.length > 0 && !isPartial) return { ok: false, refusal: together(refusals) };

  const whole = granted(addresses, refusals, request, book);
  const overQuota = beyondQuota(whole, request, book);
  if (overQuota === undefined) return whole;
  // Of two new addresses there may be room for one.
  const held = book.addressesOf(wanted.id);
  const live = addresses.filter(({ address }) => held.includes(address));
  const fewer = live.length > 0 ? live : addresses.slice(0, 1);
  const partial = granted(fewer, [...refusals, overQuota], request, book);
  const isEnough = wanted.familiesOptional === true && beyondQuota(partial, request, book) === undefined;
  return isEnough ? partial : { ok: false, refusal: overQuota };
}

type Granted = Extract<Assignment, { ok: true }>;

function granted(
  addresses: readonly AssignedAddress[],
  refusals: readonly Refusal[],
  { wanted }: AssignRequest,
  book: AddressBook,
): Granted {
  const without = wanted.families.filter((family) => !addresses.some((given) => given.family === family));
  const isKept = (address: Address): boolean =>
    without.includes(familyOf(address)) || addresses.some((given) => given.address === address);
  const released = book.addressesOf(wanted.id).filter((address) => !isKept(address));
  return { ok: true, addresses, released, ...(refusals.length === 0 ? {} : { lacking: together(refusals) }) };
}

/** What is wrong with each family, as one. */
function together(refusals: readonly Refusal[]): Refusal {
  const [first] = refusals;
  return { ...first!, message: refusals.map(({ message }) => message).join('; ') };
}

function beyondQuota({ addresses, released }: Granted, request: AssignRequest, book: AddressBook): Refusal | undefined {
  const { wanted, quota } = request;
  // An address that is shared counts once.
  const fresh = addresses.filter(({ address }) => book.holdingsOf(address).length === 0);
  const freed = released.filter((address) => othersAt(address, wanted, book).length === 0);
  const growth = fresh.length - freed.length;
  const count = book.countOf(wanted.cluster);
  if (quota === undefined || growth <= 0 || count + growth <= quota) return undefined;
  return quotaExceeded(wanted.cluster, quota, count);
}

function addressFor(family: AddressFamily, request: AssignRequest, book: AddressBook): AssignedAddress | Refusal {
  const { wanted, pools, set } = request;
  const asked = wanted.wantedAddresses.find((address) => familyOf(address) === family);
  if (asked !== undefined) return requested(asked, request, book);

  const kept = keptAddress(family, request, book);
  if (kept !== undefined) return kept;

  const named = namedPool(pools, wanted, set);
  if (named !== undefined && 'reason' in named) return named;

  return (
    reservedAddress(family, request, book) ??
    sharedAddress(family, request, book, named) ??
    anyAddress(family, request, book, named)
  );
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
  if (pool !== undefined) {
    if (wanted.pool !== undefined && wanted.pool !== pool.name) return undefined;
    return whyNotStay(held, wanted, othersAt(held, wanted, book)) ?? placed(held, pool);
  }
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

/**
 * The lowest address of those who have the same sharing key, wherever its ports are still free. Undefined: there is no such
 * address, so it is the first. A pool that gives addresses only to those who ask for it is asked by the key.
 */
function sharedAddress(family: AddressFamily, request: AssignRequest, book: AddressBook, named: Pool | undefined) {
  const { wanted, pools, set } = request;
  if (wanted.sharingKey === undefined) return undefined;
  const usable = pools.filter((pool) => (named ?? pool) === pool && whyNotAllowed(pool, wanted, set) === undefined);
  const outcomes = book
    .sharedUnder(wanted.cluster, wanted.sharingKey)
    .filter((address) => familyOf(address) === family)
    .sort(compareAddresses)
    .flatMap((address) => {
      const pool = poolContaining(usable, address);
      const why = pool && whyNotJoin(address, wanted, book.holdingsOf(address), pool);
      return pool === undefined || why?.reason === 'ADDRESS_HELD' ? [] : [why ?? placed(address, pool)];
    });
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
