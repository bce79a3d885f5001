import type * as pb from '#gen';
import type { MachineConfig, Member, NetworkAttachment, VrrpInstance } from '@fairlead/model';
import * as read from './check.ts';
import { inKeyOrder } from './key-order.ts';

export function machineConfigToProto(config: MachineConfig): pb.MachineConfig.$Properties {
  const { machine, loadBalancerSet, members, networks } = config;
  const vrrpInstances = config.vrrpInstances.map((one) => ({ ...one, priorities: inKeyOrder(one.priorities) }));
  return { machine, loadBalancerSet, members, vrrpInstances, networks };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function machineConfigFromProto(proto: pb.MachineConfig, path = 'config'): MachineConfig {
  const config = {
    machine: read.readName(proto.machine, `${path}.machine`),
    loadBalancerSet: read.readName(proto.loadBalancerSet, `${path}.load_balancer_set`),
    members: proto.members.map((member, index) => memberFromProto(member, `${path}.members[${index}]`)),
    vrrpInstances: proto.vrrpInstances.map((instance, index) =>
      vrrpFromProto(instance, `${path}.vrrp_instances[${index}]`),
    ),
    networks: proto.networks.map((network, index) => networkFromProto(network, `${path}.networks[${index}]`)),
  };
  read.distinct(
    config.members.map(({ name }) => name),
    `${path}.members`,
  );
  read.distinct(
    config.vrrpInstances.map(({ name }) => name),
    `${path}.vrrp_instances`,
  );
  read.distinct(
    config.networks.map(({ network }) => network),
    `${path}.networks`,
  );
  return config;
}

function memberFromProto(proto: pb.Member, path: string): Member {
  return {
    name: read.readName(proto.name, `${path}.name`),
    address: read.readAddress(proto.address, `${path}.address`),
  };
}

function vrrpFromProto(proto: pb.VrrpInstance, path: string): VrrpInstance {
  const priorities = Object.entries(proto.priorities).map(([member, priority]) => [
    read.readName(member, `${path}.priorities`),
    read.readInteger(priority, `${path}.priorities[${member}]`, [1, 254]),
  ]);
  return {
    name: read.readName(proto.name, `${path}.name`),
    virtualRouterId: read.readInteger(proto.virtualRouterId, `${path}.virtual_router_id`, [1, 255]),
    anchorAddress: read.readAddress(proto.anchorAddress, `${path}.anchor_address`),
    network: read.readName(proto.network, `${path}.network`),
    // VRRPv3 counts in centiseconds in 12 bits (RFC 9568, 5.2.7).
    advertIntervalMs: read.readInteger(proto.advertIntervalMs, `${path}.advert_interval_ms`, [10, 40_950]),
    priorities: Object.fromEntries(priorities) as Record<string, number>,
  };
}

function networkFromProto(proto: pb.NetworkAttachment, path: string): NetworkAttachment {
  return {
    network: read.readName(proto.network, `${path}.network`),
    device: read.readDevice(proto.device, `${path}.device`),
    subnets: proto.subnets.map((subnet, index) => read.readCidr(subnet, `${path}.subnets[${index}]`)),
    gateways: proto.gateways.map((gateway, index) => read.readAddress(gateway, `${path}.gateways[${index}]`)),
    announce: proto.announce,
  };
}
