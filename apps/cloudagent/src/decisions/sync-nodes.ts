import type { Node } from '@fairlead/model';
import { admitNode, type RefusedBackend } from '../backends.ts';
import { Draft } from '../truth/draft.ts';
import { isEqual } from '../equal.ts';
import type { Decision, Truth } from '../truth/truth.ts';
import { hopefulOf, serveHopeful } from './serve-waiters.ts';

export interface NodesUpdate {
  readonly cluster: string;
  /** True: `upsert` is all there is. */
  readonly full: boolean;
  readonly upsert: readonly Node[];
  readonly remove: readonly string[];
}

/**
 * Takes a cluster's nodes as told and answers which of those told may not be backends (machines never hear of these).
 * Machines hear of it only when something changed. PURE.
 */
export function syncNodes(truth: Truth, update: NodesUpdate, now: number): Decision<readonly RefusedBackend[]> {
  const { cluster, full, upsert, remove } = update;
  const known = truth.nodes.get(cluster) ?? new Map<string, Node>();
  const told = new Map(upsert.map((node) => [node.name, node]));
  const gone = (full ? [...known.keys()] : remove).filter((name) => known.has(name) && !told.has(name));
  const changed = [...told].filter(([name, node]) => !isEqual(known.get(name), node));
  const refused = upsert.flatMap((node) => {
    const why = admitNode(node, cluster, truth).refused;
    return why === undefined ? [] : [{ name: node.name, refusal: why }];
  });
  if (gone.length === 0 && changed.length === 0) return { answer: refused };

  const draft = new Draft(truth);
  const nodes = new Map<string, Node | undefined>([...changed, ...gone.map((name) => [name, undefined] as const)]);
  draft.take({ nodes: new Map([[cluster, nodes]]) });
  draft.bump();
  // A node that left, or moved, may have sat on an address of a pool.
  if (hopefulOf(truth).length > 0) serveHopeful(draft, now);
  return draft.decide(refused);
}
