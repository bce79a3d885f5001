import { compareText } from '../truth/site.ts';
import type { MachineState, MachineStateDelta, Node } from '@fairlead/model';

/** What a machine holds after it took the delta. */
export function applyDelta(state: MachineState, delta: MachineStateDelta): MachineState {
  const nodeSets = new Map(state.nodeSets);
  for (const { cluster, removed, upsert, remove, settings } of delta.nodeSets) {
    const before = nodeSets.get(cluster);
    nodeSets.delete(cluster);
    if (removed) continue;
    const nodes = new Map<string, Node>(before?.nodes.map((known) => [known.name, known]));
    for (const name of remove) nodes.delete(name);
    for (const changed of upsert) nodes.set(changed.name, changed);
    const sorted = [...nodes.values()].sort((a, b) => compareText(a.name, b.name));
    const kept = settings ?? { maxBackends: before!.maxBackends, check: before!.check, podRoutes: before!.podRoutes };
    nodeSets.set(cluster, { cluster, nodes: sorted, ...kept });
  }
  const loadBalancers = new Map(state.loadBalancers);
  for (const id of delta.remove) loadBalancers.delete(id);
  for (const placed of delta.upsert) loadBalancers.set(placed.loadBalancer.id, placed);
  return { config: delta.config ?? state.config, nodeSets, loadBalancers };
}
