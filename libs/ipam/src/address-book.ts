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
  /** Absent: nobody else may hold it. */
  readonly share?: Share;
}

/** What one of several holders takes of an address. */
export interface Share {
  /** The same for all of them. */
  readonly key: string;
  /** `TCP/80`; in order, each of one holder only. */
  readonly ports: readonly string[];
}

/** A freed address that waits before somebody else gets it. */
export interface Rest {
  readonly address: Address;
  readonly lastHolder: Holder;
  /** Milliseconds since 1970; from then on it is free. */
  readonly until: number;
}

/** Whether two load balancers can hold one address together. */
export function mayShare(a: Holding, b: Holding): boolean {
  if (a.share === undefined || b.share === undefined || a.holder.cluster !== b.holder.cluster) return false;
  const taken = new Set(a.share.ports);
  return a.share.key === b.share.key && b.share.ports.every((port) => !taken.has(port));
}

/** Two owners of one address: the store and the caller disagree, and going on would serve it twice. */
export class AddressHeldError extends Error {}

/**
 * Who holds which address, alone or with those who share it, and which ones rest. Its owner keeps it in step with the store: after every
 * commit `hold` or `release`; at start everything stored goes in before the first `assign`.
 */
export class AddressBook {
  /** By address, then by holder's id. */
  readonly #holdings = new Map<Address, Map<string, Holding>>();
  readonly #bySharingKey = new Map<string, Set<Address>>();
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

  /**
   * Notes that the address is in use; it rests no more. Throws `AddressHeldError` when somebody else holds it who does
   * not share it with this one.
   */
  hold(holding: Holding): void {
    const { address, holder } = holding;
    const before = this.#holdings.get(address)?.get(holder.id);
    const against = this.holdingsOf(address).find(
      (other) => other.holder.id !== holder.id && !mayShare(other, holding),
    );
    if (against !== undefined) {
      const names = `${displayName(against.holder)} (${against.holder.id}) and ${displayName(holder)} (${holder.id})`;
      throw new AddressHeldError(`${address} would be held twice, by ${names}: release it before it is given again`);
    }
    this.#endRest(address);
    const holders = this.#holdings.get(address) ?? new Map<string, Holding>();
    if (holders.size === 0) this.#perCluster.set(holder.cluster, this.countOf(holder.cluster) + 1);
    this.#holdings.set(address, holders.set(holder.id, holding));
    addTo(this.#byHolder, holder.id, address);
    if (before !== undefined) this.#forgetKey(before);
    if (holding.share !== undefined) addTo(this.#bySharingKey, sharingKey(holder.cluster, holding.share.key), address);
    this.#heldValues[familyOf(address)].add(addressToBigInt(address));
  }

  /**
   * Notes that the load balancer `id`, or the only one, no longer uses the address. When nobody does any more it rests
   * until `until`; without it, it is free at once.
   */
  release(address: Address, until?: number, id?: string): void {
    const holding = id === undefined ? this.holdingOf(address) : this.#holdings.get(address)?.get(id);
    if (holding === undefined) return;
    this.#drop(holding);
    if (until !== undefined && !this.#holdings.has(address)) this.#rest({ address, lastHolder: holding.holder, until });
  }

  /** Forgets what no longer rests at `now`, and says which addresses those were. */
  wake(now: number): readonly Address[] {
    const awake = [...this.#rests.values()].filter((rest) => rest.until <= now).map((rest) => rest.address);
    for (const address of awake) this.#endRest(address);
    return awake;
  }

  /** Of several who share it, the one that has held it longest. */
  holdingOf(address: Address): Holding | undefined {
    return this.#holdings.get(address)?.values().next().value;
  }

  /** All who hold it. */
  holdingsOf(address: Address): readonly Holding[] {
    return [...(this.#holdings.get(address)?.values() ?? [])];
  }

  /** Addresses that load balancers of that cluster and sharing key hold. */
  sharedUnder(cluster: string, key: string): readonly Address[] {
    return [...(this.#bySharingKey.get(sharingKey(cluster, key)) ?? [])];
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

  /** One for each holder of each address. */
  *holdings(): Iterable<Holding> {
    for (const holders of this.#holdings.values()) yield* holders.values();
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

  #drop(holding: Holding): void {
    const { address, holder } = holding;
    const holders = this.#holdings.get(address)!;
    holders.delete(holder.id);
    if (holders.size === 0) this.#holdings.delete(address);
    removeFrom(this.#byHolder, holder.id, address);
    this.#forgetKey(holding);
    if (holders.size > 0) return;
    this.#perCluster.set(holder.cluster, this.countOf(holder.cluster) - 1);
    this.#heldValues[familyOf(address)].remove(addressToBigInt(address));
  }

  /** Unless somebody else has the address under the same key. */
  #forgetKey({ address, holder, share }: Holding): void {
    if (share === undefined || this.holdingsOf(address).some((other) => other.share?.key === share.key)) return;
    removeFrom(this.#bySharingKey, sharingKey(holder.cluster, share.key), address);
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

function sharingKey(cluster: string, key: string): string {
  return JSON.stringify([cluster, key]);
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
