import * as pb from '#gen';
import type { MachineConfig, MachineState, NodeSet, PlacedLoadBalancer, Version } from '@fairlead/model';
import { compareVersions } from '@fairlead/model';
import { invalid, required } from './check.ts';
import { placedLoadBalancerToProto } from './load-balancer.ts';
import { machineConfigFromProto, machineConfigToProto } from './machine-config.ts';
import { nodeSetFromProto, nodeSetToProto } from './node-set.ts';
import { readPlaced, type RefusedOnReading } from './placed.ts';
import { versionFromProto, versionToProto } from './version.ts';

/** A chunk grows to this size; only a single load balancer that is larger makes a larger one. */
export const CHUNK_BYTES = 512 * 1024;

/** What the chunks of one full state said. */
export interface FullStateRead {
  readonly version: Version;
  /** Without the load balancers that are refused. */
  readonly state: MachineState;
  readonly refused: readonly RefusedOnReading[];
}

/**
 * The chunks of a state, in the order to send them: at least one, the machine's config in the first, `last` on the
 * last. The same state gives the same chunks, whatever the order of its maps.
 */
export function* fullStateToProto(
  version: Version,
  state: MachineState,
  chunkBytes = CHUNK_BYTES,
): Generator<pb.FullState.$Properties, void> {
  const head = { version: versionToProto(version), last: false };
  let chunk: Chunk = { ...head, config: machineConfigToProto(state.config), nodeSets: [], loadBalancers: [] };
  let size = pb.FullState.encode(chunk).len;
  for (const part of partsOf(state)) {
    if (size > 0 && size + part.size > chunkBytes) {
      yield chunk;
      chunk = { ...head, nodeSets: [], loadBalancers: [] };
      size = 0;
    }
    part.addTo(chunk);
    size += part.size;
  }
  yield { ...chunk, last: true };
}

interface Chunk extends pb.FullState.$Properties {
  readonly nodeSets: pb.NodeSet.$Properties[];
  readonly loadBalancers: pb.PlacedLoadBalancer.$Properties[];
}

interface Part {
  readonly size: number;
  addTo(chunk: Chunk): void;
}

/** Nodes of one cluster go out in slices, so that a large cluster does not make a large message. */
const NODES_PER_PART = 500;

function* partsOf(state: MachineState): Generator<Part, void> {
  for (const set of inOrder(state.nodeSets)) {
    const nodes = [...set.nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (let first = 0; first === 0 || first < nodes.length; first += NODES_PER_PART) {
      const proto = nodeSetToProto({ ...set, nodes: nodes.slice(first, first + NODES_PER_PART) });
      yield { size: pb.NodeSet.encode(proto).len, addTo: (chunk) => chunk.nodeSets.push(proto) };
    }
  }
  for (const placed of inOrder(state.loadBalancers)) {
    const proto = placedLoadBalancerToProto(placed);
    yield { size: pb.PlacedLoadBalancer.encode(proto).len, addTo: (chunk) => chunk.loadBalancers.push(proto) };
  }
}

function inOrder<T>(map: ReadonlyMap<string, T>): T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** Puts the chunks of one full state together. */
export interface FullStateAssembler {
  /**
   * Undefined until the last chunk is there. Throws INVALID_ARGUMENT when a chunk does not belong to those before it or
   * is wrong in itself, load balancers excepted: those are refused one by one. After a throw it has forgotten all.
   */
  add(chunk: pb.FullState): FullStateRead | undefined;
}

export function createFullStateAssembler(): FullStateAssembler {
  let draft: Draft | undefined;
  return {
    add(chunk) {
      const before = draft;
      draft = undefined;
      const extended = extend(before, chunk);
      if (!chunk.last) {
        draft = extended;
        return undefined;
      }
      const { version, config, nodeSets, loadBalancers, refused } = extended;
      return { version, state: { config, nodeSets, loadBalancers }, refused };
    },
  };
}

/** The state in all chunks of it, the last included. Throws INVALID_ARGUMENT. */
export function fullStateFromProto(chunks: Iterable<pb.FullState>): FullStateRead {
  const assembler = createFullStateAssembler();
  let read: FullStateRead | undefined;
  for (const chunk of chunks) {
    if (read !== undefined) throw invalid('full.last', 'was set before the last chunk');
    read = assembler.add(chunk);
  }
  return required(read, 'full.last');
}

interface Draft {
  readonly version: Version;
  readonly config: MachineConfig;
  readonly nodeSets: Map<string, NodeSet>;
  readonly loadBalancers: Map<string, PlacedLoadBalancer>;
  readonly refused: RefusedOnReading[];
}

function extend(before: Draft | undefined, chunk: pb.FullState): Draft {
  const version = versionFromProto(required(chunk.version, 'full.version'), 'full.version');
  if (before !== undefined && compareVersions(before.version, version) !== 0) {
    throw invalid('full.version', 'changed between two chunks: send the whole state again');
  }
  const draft = before ?? {
    version,
    config: machineConfigFromProto(required(chunk.config, 'full.config'), 'full.config'),
    nodeSets: new Map<string, NodeSet>(),
    loadBalancers: new Map<string, PlacedLoadBalancer>(),
    refused: [],
  };
  if (before !== undefined && chunk.config) throw invalid('full.config', 'came twice');
  for (const [index, proto] of chunk.nodeSets.entries()) addNodeSet(draft, proto, `full.node_sets[${index}]`);
  const { accepted, refused } = readPlaced(chunk.loadBalancers, 'full.load_balancers');
  draft.refused.push(...refused);
  for (const placed of accepted) {
    const { id } = placed.loadBalancer;
    if (draft.loadBalancers.has(id)) throw invalid('full.load_balancers', `has ${id} twice`);
    draft.loadBalancers.set(id, placed);
  }
  return draft;
}

function addNodeSet({ nodeSets }: Draft, proto: pb.NodeSet, path: string): void {
  const added = nodeSetFromProto(proto, path);
  const known = nodeSets.get(added.cluster);
  const nodes = [...(known?.nodes ?? []), ...added.nodes];
  if (new Set(nodes.map(({ name }) => name)).size < nodes.length) throw invalid(`${path}.nodes`, 'has a node twice');
  nodeSets.set(added.cluster, { ...added, nodes });
}
