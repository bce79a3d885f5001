import { addressToBigInt, displayName, familyOf } from '@fairlead/model';
import type { Address, AddressFamily } from '@fairlead/model';
import { SortedValues } from './sorted-values.ts';

/** Whose address it is: a load balancer, by the id that is never reused and by the names people know. */
export interface Holder {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
}

/** One address in use. */
export interface Holding {
  readonly address: Address;
  readonly holder: Holder;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A freed address that waits before somebody else gets it. */
export interface Rest {
  readonly address: Address;
  readonly lastHolder: Holder;
  /** Milliseconds since 1970; from then on it is free. */
  readonly until: number;
}

/** Two owners of one address: the store and the caller disagree, and going on would serve it twice. */
export class AddressHeldError extends Error {}

/**
 * Who holds which address, and which ones rest. Its owner keeps it in step with the store: after every
 * commit `hold` or `release`; at start everything stored goes in before the first `assign`.
 */
export class AddressBook {
  readonly #holdings = new Map<Address, Holding>();
  readonly #byHolder = new Map<string, Set<Address>>();
  readonly #perCluster = new Map<string, number>();
  readonly #rests = new Map<Address, Rest>();
  readonly #restsByName = new Map<string, Set<Address>>();
  readonly #restValues = { ipv4: new Map<bigint, Rest>(), ipv6: new Map<bigint, Rest>() };
  readonly #heldValues = { ipv4: new SortedValues(), ipv6: new SortedValues() };

  constructor(holdings: Iterable<Holding> = [], rests: Iterable<Rest> = []) {
    for (const rest of rests) this.#rest(rest);
    for (const holding of holdings) this.hold(holding);
  }

  /** Notes that the address is in use; it rests no more. Throws `AddressHeldError` when somebody else holds it. */
  hold(holding: Holding): void {
    const { address, holder } = holding;
    const before = this.#holdings.get(address);
    if (before !== undefined && before.holder.id !== holder.id) {
      const names = `${displayName(before.holder)} (${before.holder.id}) and ${displayName(holder)} (${holder.id})`;
      throw new AddressHeldError(`${address} would be held twice, by ${names}: release it before it is given again`);
    }
    this.#endRest(address);
    if (before !== undefined) this.#drop(before);
    this.#holdings.set(address, holding);
    addTo(this.#byHolder, holder.id, address);
    this.#perCluster.set(holder.cluster, this.countOf(holder.cluster) + 1);
    this.#heldValues[familyOf(address)].add(addressToBigInt(address));
  }

  /** Notes that the address is no longer in use and rests until `until`; without it, it is free at once. */
  release(address: Address, until?: number): void {
    const holding = this.#holdings.get(address);
    if (holding === undefined) return;
    this.#drop(holding);
    if (until !== undefined) this.#rest({ address, lastHolder: holding.holder, until });
  }

  /** Forgets what no longer rests at `now`, and says which addresses those were. */
  wake(now: number): readonly Address[] {
    const awake = [...this.#rests.values()].filter((rest) => rest.until <= now).map((rest) => rest.address);
    for (const address of awake) this.#endRest(address);
    return awake;
  }

  holdingOf(address: Address): Holding | undefined {
    return this.#holdings.get(address);
  }

  restOf(address: Address): Rest | undefined {
    return this.#rests.get(address);
  }

  /** The addresses of one load balancer. */
  addressesOf(id: string): readonly Address[] {
    return [...(this.#byHolder.get(id) ?? [])];
  }

  /** Addresses that the same Service held before it went, the last one freed first. */
  formerAddressesOf(holder: Holder): readonly Address[] {
    const rests = [...(this.#restsByName.get(nameKey(holder)) ?? [])].map((address) => this.#rests.get(address)!);
    return rests.sort((a, b) => b.until - a.until || (a.address < b.address ? -1 : 1)).map((rest) => rest.address);
  }

  /** How many addresses a cluster holds. */
  countOf(cluster: string): number {
    return this.#perCluster.get(cluster) ?? 0;
  }

  holdings(): Iterable<Holding> {
    return this.#holdings.values();
  }

  rests(): Iterable<Rest> {
    return this.#rests.values();
  }

  /** Values in use, in order. */
  held(family: AddressFamily): Pick<SortedValues, 'firstAbsent' | 'count'> {
    return this.#heldValues[family];
  }

  /** Values that rest or rested, by number. */
  resting(family: AddressFamily): ReadonlyMap<bigint, Rest> {
    return this.#restValues[family];
  }

  #drop({ address, holder }: Holding): void {
    this.#holdings.delete(address);
    removeFrom(this.#byHolder, holder.id, address);
    this.#perCluster.set(holder.cluster, this.countOf(holder.cluster) - 1);
    this.#heldValues[familyOf(address)].remove(addressToBigInt(address));
  }

  #rest(rest: Rest): void {
    this.#endRest(rest.address);
    this.#rests.set(rest.address, rest);
    addTo(this.#restsByName, nameKey(rest.lastHolder), rest.address);
    this.#restValues[familyOf(rest.address)].set(addressToBigInt(rest.address), rest);
  }

  #endRest(address: Address): void {
    const rest = this.#rests.get(address);
    if (rest === undefined) return;
    this.#rests.delete(address);
    removeFrom(this.#restsByName, nameKey(rest.lastHolder), address);
    this.#restValues[familyOf(address)].delete(addressToBigInt(address));
  }
}

/** The same Service: the same id, or one made again under the same name. */
export function isSame(a: Holder, b: Holder): boolean {
  return a.id === b.id || nameKey(a) === nameKey(b);
}

function nameKey(holder: Omit<Holder, 'id'>): string {
  return JSON.stringify([holder.cluster, holder.namespace, holder.name]);
}

function addTo(map: Map<string, Set<Address>>, key: string, address: Address): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([address]));
  else set.add(address);
}

function removeFrom(map: Map<string, Set<Address>>, key: string, address: Address): void {
  const set = map.get(key);
  set?.delete(address);
  if (set?.size === 0) map.delete(key);
}
