import { type Holding, mayShare, type Rest } from '@fairlead/ipam';
import type { Address, Node } from '@fairlead/model';
import type { Resource } from '../resources/types.ts';
import { resourceKey } from './site.ts';
import type { Transaction } from '../store/store.ts';
import type { Changes, Truth } from './truth.ts';

/** Resource to the text that is stored, and back; the text must not change its meaning from version to version. */
export interface ResourceCodec {
  readonly toText: (resource: Resource) => string;
  readonly fromText: (text: string) => Resource;
}

/** Where each kind of record lives in the store. */
export const KEYS = {
  counters: 'counters',
  resource: 'resource/',
  loadBalancer: 'load-balancer/',
  address: 'address/',
  rest: 'rest/',
  session: 'session/',
  set: 'set/',
  node: 'node/',
} as const;

/**
 * The store transaction that makes `changes` durable. Addresses are put under the condition that nobody has them,
 * or only those who share it, so that not even a wrong decision can give one twice. PURE.
 */
export function transactionOf(changes: Changes, truth: Truth, codec: ResourceCodec): Transaction {
  const write = new Writer();
  if (changes.counters !== undefined) write.put(KEYS.counters, { ...truth.counters, ...changes.counters });
  for (const [key, resource] of changes.resources ?? []) {
    if (resource === undefined) write.remove(KEYS.resource + key);
    else write.putText(KEYS.resource + resourceKey(resource), codec.toText(resource));
  }
  write.all(KEYS.loadBalancer, changes.loadBalancers);
  write.all(KEYS.session, changes.sessions);
  write.all(KEYS.set, changes.sets);
  writeAddresses(write, changes, truth);
  for (const [cluster, nodes] of changes.nodes ?? []) {
    const known = truth.nodes.get(cluster)?.keys() ?? [];
    const removed = [...known].map((name): [string, Node | undefined] => [name, undefined]);
    write.all(`${KEYS.node}${cluster}/`, nodes ?? new Map(removed));
  }
  return write.transaction();
}

function writeAddresses(write: Writer, changes: Changes, truth: Truth): void {
  const wakeAt = changes.wakeAt ?? 0;
  for (const { address, until } of truth.book.rests()) if (until <= wakeAt) write.remove(KEYS.rest + address);
  const touched = new Map<Address, Map<string, Holding>>();
  const holdersOf = (address: Address): Map<string, Holding> => {
    const known = touched.get(address) ?? new Map(truth.book.holdingsOf(address).map((each) => [each.holder.id, each]));
    touched.set(address, known);
    return known;
  };
  for (const { address, id, until } of changes.release ?? []) {
    const holders = holdersOf(address);
    const holding = holders.get(id);
    if (holding === undefined) continue;
    holders.delete(id);
    const rest: Rest | undefined = until === undefined ? undefined : { address, lastHolder: holding.holder, until };
    if (rest !== undefined && holders.size === 0) write.put(KEYS.rest + address, rest);
  }
  for (const holding of changes.hold ?? []) {
    const holders = holdersOf(holding.address);
    const others = [...holders.values()].filter(({ holder }) => holder.id !== holding.holder.id);
    const isNew = truth.book.holdingOf(holding.address) === undefined;
    if (isNew || !others.every((other) => mayShare(other, holding))) write.mustNotExist(KEYS.address + holding.address);
    holders.set(holding.holder.id, holding);
    write.remove(KEYS.rest + holding.address);
  }
  for (const [address, holders] of touched) {
    const [first, ...more] = holders.values();
    if (first === undefined) write.remove(KEYS.address + address);
    else write.put(KEYS.address + address, more.length === 0 ? first : [first, ...more]);
  }
}

/** Who holds an address, as it is stored: one, or the list of those who share it. PURE. */
export function holdingsIn(record: Holding | readonly Holding[]): readonly Holding[] {
  return Array.isArray(record) ? (record as readonly Holding[]) : [record as Holding];
}

class Writer {
  readonly #compare: Record<string, number> = {};
  readonly #put = new Map<string, string>();
  readonly #remove = new Set<string>();

  put(key: string, value: object): void {
    this.putText(key, JSON.stringify(value));
  }

  putText(key: string, text: string): void {
    this.#remove.delete(key);
    this.#put.set(key, text);
  }

  remove(key: string): void {
    this.#put.delete(key);
    this.#remove.add(key);
  }

  all(prefix: string, values: ReadonlyMap<string, object | undefined> | undefined): void {
    for (const [name, value] of values ?? []) {
      if (value === undefined) this.remove(prefix + name);
      else this.put(prefix + name, value);
    }
  }

  mustNotExist(key: string): void {
    this.#compare[key] = 0;
  }

  transaction(): Transaction {
    return { compare: this.#compare, put: Object.fromEntries(this.#put), remove: [...this.#remove] };
  }
}
