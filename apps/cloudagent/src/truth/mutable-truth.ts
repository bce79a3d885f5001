import { AddressBook, type Holding, type Occupied, type Rest } from '@fairlead/ipam';
import type { Node } from '@fairlead/model';
import { occupiedOf } from './occupied.ts';
import type { Resource } from '../resources/types.ts';
import { type Site, siteOf } from './site.ts';
import type { Changes, Counters, HeldLoadBalancer, Session, SetRecord, Truth } from './truth.ts';

const FIRST_COUNTERS: Counters = { epoch: 0, generation: 0, session: 0, ticket: 0 };

/** The truth in memory. Takes each change after it is durable, or, in a copy, to see what it would lead to. PURE. */
export class MutableTruth implements Truth {
  counters: Counters = FIRST_COUNTERS;
  site: Site = siteOf([]);
  readonly book: AddressBook;
  readonly resources = new Map<string, Resource>();
  readonly loadBalancers = new Map<string, HeldLoadBalancer>();
  readonly sessions = new Map<string, Session>();
  readonly sets = new Map<string, SetRecord>();
  readonly nodes = new Map<string, Map<string, Node>>();

  #occupied: readonly Occupied[] | undefined;

  constructor(holdings: readonly Holding[], rests: readonly Rest[]) {
    this.book = new AddressBook(holdings, rests);
  }

  get occupied(): readonly Occupied[] {
    this.#occupied ??= occupiedOf(this);
    return this.#occupied;
  }

  /** As `truth` is now; what happens to either does not touch the other. */
  static copyOf(truth: Truth): MutableTruth {
    const copy = new MutableTruth([...truth.book.holdings()], [...truth.book.rests()]);
    const { counters, resources, loadBalancers, sessions, sets, nodes } = truth;
    copy.take({ counters, resources, loadBalancers, sessions, sets, nodes });
    return copy;
  }

  take(changes: Changes): void {
    if (changes.resources !== undefined || changes.sets !== undefined || changes.nodes !== undefined) {
      this.#occupied = undefined;
    }
    this.counters = { ...this.counters, ...changes.counters };
    takeAll(this.resources, changes.resources);
    if (changes.resources !== undefined) this.site = siteOf(this.resources.values());
    takeAll(this.loadBalancers, changes.loadBalancers);
    takeAll(this.sessions, changes.sessions);
    takeAll(this.sets, changes.sets);
    if (changes.wakeAt !== undefined) this.book.wake(changes.wakeAt);
    for (const { address, until, id } of changes.release ?? []) this.book.release(address, until, id);
    for (const holding of changes.hold ?? []) this.book.hold(holding);
    for (const [cluster, nodes] of changes.nodes ?? []) {
      if (nodes === undefined) this.nodes.delete(cluster);
      else this.nodes.set(cluster, takeAll(new Map(this.nodes.get(cluster)), nodes));
    }
  }
}

function takeAll<Value>(into: Map<string, Value>, changes: ReadonlyMap<string, Value | undefined> | undefined) {
  for (const [key, value] of changes ?? []) {
    if (value === undefined) into.delete(key);
    else into.set(key, value);
  }
  return into;
}
