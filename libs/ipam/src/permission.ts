import { refusal } from '@fairlead/model';
import type { Labels, LoadBalancer, Pool, Port, Refusal } from '@fairlead/model';

/** The part of a load balancer that addresses are given by. */
export type Wanted = Pick<
  LoadBalancer,
  | 'id'
  | 'cluster'
  | 'namespace'
  | 'name'
  | 'labels'
  | 'namespaceLabels'
  | 'families'
  | 'familiesOptional'
  | 'wantedAddresses'
  | 'pool'
  | 'sharingKey'
> & {
  /** What those that share an address divide among them. */
  readonly ports: readonly Pick<Port, 'protocol' | 'port'>[];
};

/** The machines that serve it, and the pools whose addresses they can announce. */
export interface ServingSet {
  readonly name: string;
  readonly vipPools: readonly string[];
}

/**
 * Why this pool is not for this load balancer, as the end of a sentence that starts with the pool; undefined: it may use it.
 * `clusters` and selectors are about Services. What an operator declared (no namespace) passes the selectors when it
 * names the pool or the address, and `clusters` too when it belongs to no cluster.
 */
export function whyNotAllowed(pool: Pool, wanted: Wanted, set: ServingSet): string | undefined {
  if (!set.vipPools.includes(pool.name)) return `is not among the vipPools of load balancer set ${set.name}`;
  const isDeclared = wanted.namespace === '' && (wanted.pool !== undefined || wanted.wantedAddresses.length > 0);
  const boundToClusters = wanted.cluster !== '' || !isDeclared;
  if (boundToClusters && pool.clusters.length > 0 && !pool.clusters.includes(wanted.cluster)) {
    return `is only for ${list('cluster', pool.clusters)}`;
  }
  if (isDeclared) return undefined;
  if (!matches(pool.namespaceSelector, wanted.namespaceLabels)) {
    return `is only for namespaces labelled ${labelText(pool.namespaceSelector)}`;
  }
  if (!matches(pool.serviceSelector, wanted.labels)) {
    return `is only for Services labelled ${labelText(pool.serviceSelector)}`;
  }
  return undefined;
}

/** The pool asked for by name, if that is possible at all; undefined when none was asked for. */
export function namedPool(pools: readonly Pool[], wanted: Wanted, set: ServingSet): Pool | Refusal | undefined {
  if (wanted.pool === undefined) return undefined;
  const pool = pools.find((candidate) => candidate.name === wanted.pool);
  if (pool === undefined) {
    const known = set.vipPools.length === 0 ? 'there is none' : `there is ${[...set.vipPools].sort().join(', ')}`;
    return refusal('POOL_UNKNOWN', 'pool', `there is no pool ${wanted.pool}: name one that exists (${known})`);
  }
  const why = whyNotAllowed(pool, wanted, set);
  if (why === undefined) return pool;
  return refusal('POOL_NOT_ALLOWED', 'pool', `pool ${pool.name} ${why}: name another pool, or none`);
}

function matches(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

function labelText(selector: Labels): string {
  return Object.keys(selector)
    .sort()
    .map((key) => `${key}=${selector[key]}`)
    .join(',');
}

function list(noun: string, names: readonly string[]): string {
  return `${noun}${names.length === 1 ? '' : 's'} ${[...names].sort().join(', ')}`;
}
