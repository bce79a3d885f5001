import {
  changedMap,
  compareVersions,
  type MachineState,
  type MachineStateDelta,
  NO_VERSION,
  type NodeSet,
  type NodeSetDelta,
  type PlacedLoadBalancer,
  type Refusal,
  type Version,
} from '@fairlead/model';

/** The newest state this machine was given. */
export interface Held {
  readonly version: Version;
  readonly state: MachineState;
  /** Load balancers of this version that could not even be read, by id. */
  readonly unreadable: ReadonlyMap<string, Refusal>;
}

export interface FullUpdate {
  readonly version: Version;
  readonly state: MachineState;
  readonly refused: readonly Unreadable[];
}

export interface DeltaUpdate {
  readonly from: Version;
  readonly to: Version;
  readonly delta: MachineStateDelta;
  readonly refused: readonly Unreadable[];
}

export interface Unreadable {
  readonly id: string;
  readonly refusal: Refusal;
}

export type Acceptance =
  | { readonly held: Held }
  /** OLDER_VERSION: this machine has a newer one. WRONG_BASE: the delta is not about what it has. */
  | { readonly rejected: 'OLDER_VERSION' | 'WRONG_BASE' };

/** Takes a whole state, unless a newer one is held. The same version again is taken again. */
export function acceptFull(held: Held | undefined, update: FullUpdate): Acceptance {
  if (compareVersions(update.version, held?.version ?? NO_VERSION) < 0) return { rejected: 'OLDER_VERSION' };
  const { version, state, refused } = update;
  return { held: { version, state, unreadable: new Map(refused.map((each) => [each.id, each.refusal])) } };
}

/** Takes a change of exactly the version that is held. One that was taken already is taken as nothing new. */
export function acceptDelta(held: Held | undefined, update: DeltaUpdate): Acceptance {
  const has = held?.version ?? NO_VERSION;
  if (compareVersions(update.to, has) < 0) return { rejected: 'OLDER_VERSION' };
  if (held && compareVersions(update.to, has) === 0) return { held };
  if (!held || compareVersions(update.from, has) !== 0) return { rejected: 'WRONG_BASE' };
  const { delta, refused, to } = update;
  const named = [
    ...delta.upsert.map((each) => each.loadBalancer.id),
    ...delta.remove,
    ...refused.map((each) => each.id),
  ];
  const unreadable = new Map(held.unreadable);
  for (const id of named) unreadable.delete(id);
  for (const { id, refusal } of refused) unreadable.set(id, refusal);
  const state = applyDelta(held.state, delta, refused);
  return { held: { version: to, state, unreadable } };
}

function applyDelta(state: MachineState, delta: MachineStateDelta, refused: readonly Unreadable[]): MachineState {
  const nodeSets = new Map(state.nodeSets);
  for (const each of delta.nodeSets) {
    if (each.removed) nodeSets.delete(each.cluster);
    else nodeSets.set(each.cluster, changeNodeSet(nodeSets.get(each.cluster), each));
  }
  const changes = new Map<string, PlacedLoadBalancer | undefined>();
  for (const id of delta.remove) changes.set(id, undefined);
  // What it was before must not be served for what it is now.
  for (const { id } of refused) changes.set(id, undefined);
  for (const placed of delta.upsert) changes.set(placed.loadBalancer.id, placed);
  const loadBalancers = changedMap(state.loadBalancers, changes);
  return { config: delta.config ?? state.config, nodeSets, loadBalancers };
}

/** Of a contract that grows: a cluster's first delta carries its settings, and these stand in for one that does not. */
const DEFAULT_SETTINGS = { maxBackends: 16, check: 'auto', podRoutes: false } as const;

function changeNodeSet(before: NodeSet | undefined, delta: NodeSetDelta): NodeSet {
  const nodes = new Map((before?.nodes ?? []).map((node) => [node.name, node]));
  for (const name of delta.remove) nodes.delete(name);
  for (const node of delta.upsert) nodes.set(node.name, node);
  return { ...DEFAULT_SETTINGS, ...before, ...delta.settings, cluster: delta.cluster, nodes: [...nodes.values()] };
}

/** `EPOCH.GENERATION`. */
export function formatVersion({ epoch, generation }: Version): string {
  return `${epoch}.${generation}`;
}
