import { assign, type Assignment, type AssignRequest, type Holding, poolContaining, shareOf } from '@fairlead/ipam';
import { type Address, type LoadBalancer, orderByFamily, type Refusal, refusal } from '@fairlead/model';
import { judgeBackendMode } from '../backends.ts';
import { setOf } from '../truth/declared.ts';
import { isEqual } from '../equal.ts';
import type { Site } from '../truth/site.ts';
import type { Changes, HeldLoadBalancer, Release, Truth } from '../truth/truth.ts';

/** What came of one wish. */
export interface Outcome {
  readonly held: HeldLoadBalancer;
  /** Those it has now, one per family, in the order of the families. */
  readonly addresses: readonly Address[];
  /** Absent: nothing to change. */
  readonly changes?: Changes;
  /** Machines must hear of it. */
  readonly visible: boolean;
}

/**
 * Tries to grant what `held.wish` asks for, as of `generation`. What is refused waits: it keeps the addresses it has,
 * is served as it was, and gets a ticket. PURE.
 */
export function grant(wanted: HeldLoadBalancer, truth: Truth, generation: number, now: number): Outcome {
  const { wish } = wanted;
  const before = addressesOf(wish, truth);
  const assignment = tryAssign(wish, truth, now);
  if (!assignment.ok) {
    const { lacking: _, ...rest } = wanted;
    const held = { ...rest, ...waiting('refusal', wanted, assignment.refusal, truth) };
    return { held, addresses: before, visible: false, ...changed(held, truth, {}) };
  }
  const given = assignment.addresses.map(({ address }) => address);
  const fresh = given.filter((address) => !before.includes(address));
  const stayed = before.filter((address) => !assignment.released.includes(address));
  const addresses = orderByFamily([...stayed, ...fresh], wish.families);
  const visible = fresh.length > 0 || assignment.released.length > 0 || !isEqual(wanted.served, wish);
  const held: HeldLoadBalancer = {
    wish,
    served: wish,
    generation: visible ? generation : wanted.generation,
    published: wanted.published && fresh.length === 0,
    ...(assignment.lacking === undefined ? {} : waiting('lacking', wanted, assignment.lacking, truth)),
  };
  const hold = holdingsFor(wish, addresses, truth, now);
  const release = assignment.released.map((address) => releaseOf({ address, id: wish.id }, truth.site, now));
  return { held, addresses, visible, ...changed(held, truth, { hold, release }) };
}

/** The addresses that it holds, in the order of its families. PURE. */
export function addressesOf({ id, families }: Pick<LoadBalancer, 'id' | 'families'>, { book }: Pick<Truth, 'book'>) {
  return orderByFamily(book.addressesOf(id), families);
}

/** What is to be noted of its addresses: those it did not have, and those of which it shares something else than before. */
function holdingsFor(wish: LoadBalancer, addresses: readonly Address[], truth: Truth, now: number): Holding[] {
  const { id, cluster, namespace, name } = wish;
  const share = shareOf(wish);
  return addresses.flatMap((address): Holding[] => {
    const before = truth.book.holdingsOf(address).find(({ holder }) => holder.id === id);
    if (before !== undefined && isEqual(before.share, share)) return [];
    const holding = { address, holder: { id, cluster, namespace, name }, since: before?.since ?? now };
    return [share === undefined ? holding : { ...holding, share }];
  });
}

function changed(held: HeldLoadBalancer, truth: Truth, more: Changes): { changes?: Changes } {
  const id = held.wish.id;
  if (isEqual(held, truth.loadBalancers.get(id))) return {};
  const { ticket = 0 } = held;
  const counters = ticket > truth.counters.ticket ? { counters: { ticket } } : {};
  return { changes: { ...more, ...counters, loadBalancers: new Map([[id, held]]) } };
}

function tryAssign(wish: LoadBalancer, truth: Truth, now: number): Assignment {
  const set = truth.site.sets.get(setOf(wish, truth.site) ?? '');
  if (set === undefined) return { ok: false, refusal: noSet(wish) };
  const unreachable = judgeBackendMode(wish, truth);
  if (unreachable !== undefined) return { ok: false, refusal: unreachable };
  const quota = truth.site.clusters.get(wish.cluster)?.spec.quota?.addresses;
  const request: AssignRequest = {
    wanted: wish,
    set: { name: set.name, vipPools: set.spec.vipPools },
    pools: poolsOf(truth.site),
    occupied: truth.occupied,
    quota,
    now,
  };
  return assign(request, truth.book);
}

function noSet(wish: LoadBalancer): Refusal {
  const what = wish.cluster === '' ? `load balancer ${wish.name}` : `cluster ${wish.cluster}`;
  return refusal('SET_UNKNOWN', '', `${what} has no load balancer set: declare it and the LoadBalancerSet it names`);
}

type Waiting<What extends string> = Readonly<Record<What, Refusal>> & { readonly ticket: number };

function waiting<What extends 'refusal' | 'lacking'>(
  what: What,
  held: HeldLoadBalancer,
  why: Refusal,
  truth: Truth,
): Waiting<What> {
  // Counts in the message change with every other wish; only another reason is news.
  const told = held[what];
  const isNews = told?.reason !== why.reason || !isEqual(truth.loadBalancers.get(held.wish.id)?.wish, held.wish);
  const ticket = held.ticket ?? truth.counters.ticket + 1;
  return { [what]: isNews ? why : told, ticket } as Waiting<What>;
}

/** Every VipPool as ipam wants it. PURE. */
export function poolsOf(site: Site) {
  return [...site.vipPools.values()].map(({ name, spec }) => ({ ...spec, name }));
}

/** How a freed address rests: as long as its pool says; without a pool or a quarantine it is free at once. PURE. */
export function releaseOf(of: Omit<Release, 'until'>, site: Site, now: number): Release {
  const quarantine = poolContaining(poolsOf(site), of.address)?.quarantineMs ?? 0;
  return quarantine > 0 ? { ...of, until: now + quarantine } : of;
}
