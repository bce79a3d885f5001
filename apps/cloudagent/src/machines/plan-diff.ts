import {
  differingKeys,
  type MachineState,
  type MachineStateDelta,
  type NodeSet,
  type NodeSetDelta,
} from '@fairlead/model';
import { isEqual } from '../equal.ts';

/** What turns `previous` into `next`; cheap for what is the same object in both. PURE. */
export function diff(previous: MachineState, next: MachineState): MachineStateDelta {
  const ids = [...differingKeys(previous.loadBalancers, next.loadBalancers)].sort();
  const upsert = ids.flatMap((id) => {
    const placed = next.loadBalancers.get(id);
    return placed === undefined || isEqual(previous.loadBalancers.get(id), placed) ? [] : [placed];
  });
  const remove = ids.filter((id) => previous.loadBalancers.has(id) && !next.loadBalancers.has(id));
  const delta = { nodeSets: diffNodeSets(previous, next), upsert, remove };
  return isEqual(previous.config, next.config) ? delta : { ...delta, config: next.config };
}

/** True when there is nothing to tell but the version. PURE. */
export function isEmptyDelta(delta: MachineStateDelta): boolean {
  return delta.config === undefined && delta.nodeSets.length + delta.upsert.length + delta.remove.length === 0;
}

function diffNodeSets(previous: MachineState, next: MachineState): readonly NodeSetDelta[] {
  const gone = [...previous.nodeSets.keys()].filter((cluster) => !next.nodeSets.has(cluster));
  const changed = [...next.nodeSets.values()].flatMap((after) => {
    const before = previous.nodeSets.get(after.cluster);
    return isEqual(before, after) ? [] : [diffNodeSet(before, after)];
  });
  return [...gone.map((cluster) => ({ cluster, removed: true, upsert: [], remove: [] })), ...changed];
}

function diffNodeSet(before: NodeSet | undefined, after: NodeSet): NodeSetDelta {
  const known = new Map(before?.nodes.map((node) => [node.name, node]));
  const names = new Set(after.nodes.map(({ name }) => name));
  const { cluster, maxBackends, check, podRoutes } = after;
  const settings = { maxBackends, check, podRoutes };
  const delta = {
    cluster,
    removed: false,
    upsert: after.nodes.filter((node) => !isEqual(known.get(node.name), node)),
    remove: [...known.keys()].filter((name) => !names.has(name)),
  };
  return before !== undefined && isEqual({ ...before, ...settings }, before) ? delta : { ...delta, settings };
}
