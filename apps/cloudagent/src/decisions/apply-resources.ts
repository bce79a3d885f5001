import { declaredLoadBalancers, isDeclaredId } from '../truth/declared.ts';
import { Draft } from '../truth/draft.ts';
import { saysTheSame } from '../resources/stored.ts';
import type { Resource } from '../resources/types.ts';
import { resourceKey, siteOf } from '../truth/site.ts';
import type { Decision, Truth } from '../truth/truth.ts';
import { type Conflict, conflictsOf } from './conflicts.ts';
import { ensureIn } from './ensure.ts';
import { removeIn } from './remove.ts';
import { serveWaiters } from './serve-waiters.ts';
import { settleSets } from './settle-sets.ts';

export interface ResourceChange {
  readonly put: readonly Resource[];
  /** `Kind/name`. */
  readonly remove: readonly string[];
}

export interface ApplyContext {
  readonly siteName: string;
  readonly now: number;
}

/**
 * Changes what is declared, and what follows from it: VRRP of sets, control planes, static load balancers, who waits.
 * All or, when something in use would be taken away, nothing. The change itself is checked before. PURE.
 */
export function applyResources(
  truth: Truth,
  change: ResourceChange,
  { siteName, now }: ApplyContext,
): Decision<readonly Conflict[]> {
  const resources = new Map<string, Resource | undefined>();
  for (const key of change.remove) if (truth.resources.has(key)) resources.set(key, undefined);
  for (const resource of change.put) {
    const key = resourceKey(resource);
    const known = truth.resources.get(key);
    if (known !== undefined && saysTheSame(known, resource)) resources.delete(key);
    else resources.set(key, resource);
  }
  const draft = new Draft(truth);
  if (resources.size > 0) {
    const conflicts = conflictsOf(truth, siteOf(resourcesAfter(truth, resources)));
    if (conflicts.length > 0) return { answer: conflicts };
    draft.take({ resources, ...nodesOfRemovedClusters(truth, resources) });
    draft.bump();
  }
  settle(draft, siteName, now);
  return draft.decide([]);
}

/** Everything declared, were `changed` taken. PURE. */
export function resourcesAfter(
  truth: Pick<Truth, 'resources'>,
  changed: ReadonlyMap<string, Resource | undefined>,
): Resource[] {
  const after = new Map<string, Resource | undefined>([...truth.resources, ...changed]);
  return [...after.values()].filter((resource) => resource !== undefined);
}

function nodesOfRemovedClusters(truth: Truth, resources: ReadonlyMap<string, Resource | undefined>) {
  const removed = [...truth.site.clusters.keys()].filter(
    (name) => resources.has(`Cluster/${name}`) && resources.get(`Cluster/${name}`) === undefined,
  );
  return {
    nodes: new Map(removed.map((name) => [name, undefined])),
    sessions: new Map(removed.map((name) => [name, undefined])),
  };
}

/** What follows from what is declared. Nothing to do when it is done again. */
function settle(draft: Draft, siteName: string, now: number): void {
  settleSets(draft, siteName);
  const declared = declaredLoadBalancers(draft.truth.site);
  const ids = new Set(declared.map(({ id }) => id));
  for (const id of [...draft.truth.loadBalancers.keys()].sort()) {
    if (isDeclaredId(id) && !ids.has(id)) removeIn(draft, id, now);
  }
  // Older waiters first: what was declared just now comes behind them.
  if (draft.changes !== undefined) serveWaiters(draft, now);
  for (const wish of declared) ensureIn(draft, wish, now);
}
