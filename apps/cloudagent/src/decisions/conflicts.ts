import { poolContaining } from '@fairlead/ipam';
import { type Address, displayName, rangeContains } from '@fairlead/model';
import { isDeclaredId } from '../truth/declared.ts';
import { compareText, type Site } from '../truth/site.ts';
import type { Truth } from '../truth/truth.ts';
import { poolsOf } from './grant.ts';

/** Why the site cannot be changed so: what it would take away is in use. */
export interface Conflict {
  readonly kind: string;
  readonly name: string;
  /** Path below the resource, for example `spec.ranges`; may be empty. */
  readonly field: string;
  readonly message: string;
}

/** What `after` would take from what lives now: addresses, clusters with Services, VRRP addresses. All of it. PURE. */
export function conflictsOf(truth: Truth, after: Site): readonly Conflict[] {
  return [...poolConflicts(truth, after), ...clusterConflicts(truth, after), ...machineConflicts(truth, after)];
}

function* poolConflicts(truth: Truth, after: Site): Generator<Conflict> {
  const before = poolsOf(truth.site);
  const next = poolsOf(after);
  const lost = new Map<string, { address: Address; holder: string }[]>();
  for (const { address, holder } of truth.book.holdings()) {
    // What the change itself takes away (a static load balancer, a control plane) frees its address.
    if (isDeclaredId(holder.id) && !isStillDeclared(holder.id, after)) continue;
    const pool = poolContaining(before, address);
    const kept = poolContaining(next, address);
    if (pool === undefined || kept?.network === pool.network) continue;
    lost.set(pool.name, [...(lost.get(pool.name) ?? []), { address, holder: displayName(holder) }]);
  }
  for (const [name, holdings] of [...lost].sort(([a], [b]) => compareText(a, b))) {
    const message = `VipPool/${name} is in use: ${listed(holdings.map(({ address, holder }) => `${address} is held by ${holder}`))}; delete what holds it first`;
    yield { kind: 'VipPool', name, field: after.vipPools.has(name) ? 'spec.ranges' : '', message };
  }
}

function isStillDeclared(id: string, after: Site): boolean {
  const [kind, name] = id.split('/', 2) as [string, string];
  return kind === 'static'
    ? after.staticLoadBalancers.has(name)
    : after.clusters.get(name)?.spec.controlPlane !== undefined;
}

function* clusterConflicts(truth: Truth, after: Site): Generator<Conflict> {
  for (const name of truth.site.clusters.keys()) {
    if (after.clusters.has(name)) continue;
    const services = [...truth.loadBalancers.values()]
      .filter(({ wish }) => wish.cluster === name && !isDeclaredId(wish.id))
      .map(({ wish }) => displayName(wish));
    if (services.length === 0) continue;
    const message = `Cluster/${name} is in use: ${listed(services)}; delete these Services first`;
    yield { kind: 'Cluster', name, field: '', message };
  }
}

function* machineConflicts(truth: Truth, after: Site): Generator<Conflict> {
  for (const { name, spec } of after.machines.values()) {
    if (truth.site.machines.get(name)?.spec.agentAddress === spec.agentAddress) continue;
    const conflict = (message: string): Conflict => ({ kind: 'Machine', name, field: 'spec.agentAddress', message });
    for (const [set, { anchorAddress }] of truth.sets) {
      if (anchorAddress !== spec.agentAddress || !after.sets.has(set)) continue;
      yield conflict(`${anchorAddress} is the VRRP address of LoadBalancerSet/${set}: give the machine another one`);
    }
    const holder = truth.book.holdingOf(spec.agentAddress)?.holder;
    if (holder === undefined) continue;
    yield conflict(`${spec.agentAddress} is held by ${displayName(holder)}: give the machine another one`);
  }
  for (const { name, spec } of after.vipPools.values()) {
    for (const [set, { anchorAddress }] of truth.sets) {
      const covers = (ranges: typeof spec.ranges) => ranges.some((range) => rangeContains(range, anchorAddress));
      if (!after.sets.has(set) || !covers(spec.ranges) || covers(spec.exclude)) continue;
      const message = `${anchorAddress} is the VRRP address of LoadBalancerSet/${set}: exclude it from the pool`;
      yield { kind: 'VipPool', name, field: 'spec.ranges', message };
    }
  }
}

function listed(texts: readonly string[]): string {
  const shown = [...texts].sort(compareText).slice(0, 3).join(', ');
  return texts.length > 3 ? `${shown} and ${texts.length - 3} more` : shown;
}
