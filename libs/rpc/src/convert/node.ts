import type * as pb from '#gen';
import type { Node } from '@fairlead/model';
import { readAddressPerFamily, readCidr, readName } from './check.ts';

export function nodeToProto({ name, addresses, eligible, draining, podCidrs }: Node): pb.Node.$Properties {
  return { name, addresses, eligible, draining, podCidrs };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function nodeFromProto(proto: pb.Node, path = 'node'): Node {
  return {
    name: readName(proto.name, `${path}.name`),
    addresses: readAddressPerFamily(proto.addresses, `${path}.addresses`),
    eligible: proto.eligible,
    draining: proto.draining,
    podCidrs: proto.podCidrs.map((cidr, index) => readCidr(cidr, `${path}.pod_cidrs[${index}]`)),
  };
}
