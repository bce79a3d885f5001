import type * as pb from '#gen';
import type { MachineStateDelta, Version } from '@fairlead/model';
import { distinct, readId, required } from './check.ts';
import { placedLoadBalancerToProto } from './load-balancer.ts';
import { machineConfigFromProto, machineConfigToProto } from './machine-config.ts';
import { nodeSetDeltaFromProto, nodeSetDeltaToProto } from './node-set.ts';
import { readPlaced, type RefusedOnReading } from './placed.ts';
import { versionFromProto, versionToProto } from './version.ts';

/** From which version to which a delta leads. */
export interface DeltaVersions {
  readonly from: Version;
  readonly to: Version;
}

export interface DeltaRead extends DeltaVersions {
  /** Without the load balancers that are refused. */
  readonly delta: MachineStateDelta;
  readonly refused: readonly RefusedOnReading[];
}

export function deltaToProto({ from, to }: DeltaVersions, delta: MachineStateDelta): pb.DeltaState.$Properties {
  return {
    from: versionToProto(from),
    to: versionToProto(to),
    config: delta.config && machineConfigToProto(delta.config),
    nodeSets: delta.nodeSets.map(nodeSetDeltaToProto),
    upsert: delta.upsert.map(placedLoadBalancerToProto),
    remove: delta.remove,
  };
}

/** Throws INVALID_ARGUMENT with the field at fault; load balancers are refused one by one. */
export function deltaFromProto(proto: pb.DeltaState): DeltaRead {
  const { accepted, refused } = readPlaced(proto.upsert, 'delta.upsert');
  const remove = proto.remove.map((id, index) => readId(id, `delta.remove[${index}]`));
  distinct([...accepted.map(({ loadBalancer }) => loadBalancer.id), ...remove], 'delta');
  const nodeSets = proto.nodeSets.map((set, index) => nodeSetDeltaFromProto(set, `delta.node_sets[${index}]`));
  distinct(
    nodeSets.map(({ cluster }) => cluster),
    'delta.node_sets',
  );
  return {
    from: versionFromProto(required(proto.from, 'delta.from'), 'delta.from'),
    to: versionFromProto(required(proto.to, 'delta.to'), 'delta.to'),
    delta: {
      ...(proto.config ? { config: machineConfigFromProto(proto.config, 'delta.config') } : {}),
      nodeSets,
      upsert: accepted,
      remove,
    },
    refused,
  };
}
