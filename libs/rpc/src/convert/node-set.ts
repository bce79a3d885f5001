import * as pb from '#gen';
import type { NodeCheckKind, NodeSet, NodeSetDelta } from '@fairlead/model';
import * as read from './check.ts';
import { nodeFromProto, nodeToProto } from './node.ts';

export function nodeSetToProto({ cluster, nodes, ...settings }: NodeSet): pb.NodeSet.$Properties {
  return { cluster, nodes: nodes.map(nodeToProto), ...settingsToProto(settings) };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function nodeSetFromProto(proto: pb.NodeSet, path = 'node_set'): NodeSet {
  const nodes = proto.nodes.map((node, index) => nodeFromProto(node, `${path}.nodes[${index}]`));
  read.distinct(
    nodes.map(({ name }) => name),
    `${path}.nodes`,
  );
  return { cluster: read.readName(proto.cluster, `${path}.cluster`), nodes, ...settingsFromProto(proto, path) };
}

export function nodeSetDeltaToProto(delta: NodeSetDelta): pb.NodeSetDelta.$Properties {
  const { cluster, removed, upsert, remove, settings } = delta;
  return {
    cluster,
    removed,
    upsert: upsert.map(nodeToProto),
    remove,
    settings: settings && settingsToProto(settings),
  };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function nodeSetDeltaFromProto(proto: pb.NodeSetDelta, path = 'node_set'): NodeSetDelta {
  const upsert = proto.upsert.map((node, index) => nodeFromProto(node, `${path}.upsert[${index}]`));
  const remove = proto.remove.map((name, index) => read.readName(name, `${path}.remove[${index}]`));
  read.distinct([...upsert.map(({ name }) => name), ...remove], path);
  const settings = proto.settings ? { settings: settingsFromProto(proto.settings, `${path}.settings`) } : {};
  const cluster = read.readName(proto.cluster, `${path}.cluster`);
  return { cluster, removed: proto.removed, upsert, remove, ...settings };
}

type Settings = NonNullable<NodeSetDelta['settings']>;

function settingsToProto({ maxBackends, check, podRoutes }: Settings): pb.NodeSetSettings.$Properties {
  return { maxBackends, check: CHECK_TO_PROTO[check], podRoutes };
}

function settingsFromProto(
  proto: Pick<pb.NodeSetSettings, 'maxBackends' | 'check' | 'podRoutes'>,
  path: string,
): Settings {
  const check = CHECK_FROM_PROTO.get(proto.check);
  if (check === undefined) throw read.invalid(`${path}.check`, 'must be AUTO, HEALTHZ or NODE_PORT');
  const maxBackends = read.readInteger(proto.maxBackends, `${path}.max_backends`, [1, 10_000]);
  return { maxBackends, check, podRoutes: proto.podRoutes };
}

const CHECK_TO_PROTO: Readonly<Record<NodeCheckKind, pb.NodeCheckKind>> = {
  auto: pb.NodeCheckKind.NODE_CHECK_KIND_AUTO,
  healthz: pb.NodeCheckKind.NODE_CHECK_KIND_HEALTHZ,
  'node-port': pb.NodeCheckKind.NODE_CHECK_KIND_NODE_PORT,
};

const CHECK_FROM_PROTO: ReadonlyMap<pb.NodeCheckKind, NodeCheckKind> = new Map(
  (Object.keys(CHECK_TO_PROTO) as NodeCheckKind[]).map((kind) => [CHECK_TO_PROTO[kind], kind]),
);
