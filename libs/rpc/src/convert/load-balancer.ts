import * as pb from '#gen';
import type { AddressFamily, LoadBalancer, PlacedAddress, PlacedLoadBalancer, Port, Protocol } from '@fairlead/model';
import * as read from './check.ts';
import { inKeyOrder } from './key-order.ts';
import { affinityFromProto, optionsFromProto, optionsToProto } from './options.ts';
import { checkFromProto, checkToProto, proxyProtocolFromProto, targetFromProto, targetToProto } from './port.ts';

/** A load balancer's message is at most this long, so that one of them fits into every message that carries it. */
export const MAX_LOAD_BALANCER_BYTES = 2 * 1024 * 1024;

export function loadBalancerToProto(lb: LoadBalancer): pb.LoadBalancer.$Properties {
  const { id, cluster, namespace, name, wantedAddresses, pool, labels, namespaceLabels } = lb;
  return {
    id,
    cluster,
    namespace,
    name,
    wantedAddresses,
    pool,
    families: lb.families.map((family) => FAMILY_TO_PROTO[family]),
    ports: lb.ports.map(portToProto),
    labels: inKeyOrder(labels),
    namespaceLabels: inKeyOrder(namespaceLabels),
    expectsAnswer: lb.expectsAnswer ?? false,
    sourceRanges: lb.sourceRanges ?? [],
    sharingKey: lb.sharingKey,
    backendMode: lb.backendMode === 'pod' ? pb.BackendMode.BACKEND_MODE_POD : pb.BackendMode.BACKEND_MODE_UNSPECIFIED,
    drainTimeoutMs: lb.drainTimeoutMs ?? 0,
    familiesOptional: lb.familiesOptional ?? false,
    affinity: lb.affinity,
    ...(lb.options === undefined ? {} : { options: optionsToProto(lb.options) }),
  };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function loadBalancerFromProto(proto: pb.LoadBalancer, path = 'load_balancer'): LoadBalancer {
  const size = pb.LoadBalancer.encode(proto).len;
  if (size > MAX_LOAD_BALANCER_BYTES)
    throw read.invalid(path, `is ${size} bytes long: at most ${MAX_LOAD_BALANCER_BYTES}`);
  const families = proto.families.map((family, index) => readFamily(family, `${path}.families[${index}]`));
  if (families.length === 0) throw read.invalid(`${path}.families`, 'is empty: name at least one');
  read.distinct(families, `${path}.families`);
  const ports = proto.ports.map((port, index) => portFromProto(port, `${path}.ports[${index}]`));
  read.distinct(
    ports.map(({ protocol, port }) => `${port}/${protocol}`),
    `${path}.ports`,
  );
  const options = proto.options ? optionsFromProto(proto.options, `${path}.options`) : undefined;
  return {
    id: read.readId(proto.id, `${path}.id`),
    cluster: read.readOptionalName(proto.cluster, `${path}.cluster`),
    namespace: read.readOptionalName(proto.namespace, `${path}.namespace`),
    name: read.readName(proto.name, `${path}.name`),
    wantedAddresses: read.readAddressPerFamily(proto.wantedAddresses, `${path}.wanted_addresses`),
    ...(proto.pool === '' ? {} : { pool: read.readName(proto.pool, `${path}.pool`) }),
    families,
    ports,
    labels: read.readLabels(proto.labels, `${path}.labels`),
    namespaceLabels: read.readLabels(proto.namespaceLabels, `${path}.namespace_labels`),
    ...(proto.expectsAnswer ? { expectsAnswer: true } : {}),
    ...readSourceRanges(proto.sourceRanges, `${path}.source_ranges`),
    ...(proto.sharingKey === '' ? {} : { sharingKey: read.readName(proto.sharingKey, `${path}.sharing_key`) }),
    ...(proto.backendMode === pb.BackendMode.BACKEND_MODE_POD ? { backendMode: 'pod' } : {}),
    ...(proto.drainTimeoutMs === 0 ? {} : { drainTimeoutMs: proto.drainTimeoutMs }),
    ...(proto.familiesOptional ? { familiesOptional: true } : {}),
    ...(proto.affinity ? { affinity: affinityFromProto(proto.affinity, `${path}.affinity`) } : {}),
    ...(options === undefined ? {} : { options }),
  };
}

/** One bad range refuses them all: fewer would close what should be open, none would open it to everyone. */
function readSourceRanges(texts: readonly string[], path: string): Pick<LoadBalancer, 'sourceRanges'> {
  if (texts.length === 0) return {};
  const sourceRanges = texts.map((text, index) => read.readCidr(text, `${path}[${index}]`));
  read.distinct(sourceRanges, path);
  return { sourceRanges };
}

export function placedLoadBalancerToProto(placed: PlacedLoadBalancer): pb.PlacedLoadBalancer.$Properties {
  return {
    loadBalancer: loadBalancerToProto(placed.loadBalancer),
    addresses: placed.addresses.map(({ address, network, vrrpInstance }) => ({ address, network, vrrpInstance })),
  };
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function placedLoadBalancerFromProto(proto: pb.PlacedLoadBalancer, path = 'placed'): PlacedLoadBalancer {
  const loadBalancer = read.required(proto.loadBalancer, `${path}.load_balancer`);
  const addresses = proto.addresses.map((placed, index) =>
    placedAddressFromProto(placed, `${path}.addresses[${index}]`),
  );
  read.readAddressPerFamily(
    addresses.map(({ address }) => address),
    `${path}.addresses`,
  );
  return { loadBalancer: loadBalancerFromProto(loadBalancer, `${path}.load_balancer`), addresses };
}

function placedAddressFromProto(proto: pb.PlacedAddress, path: string): PlacedAddress {
  return {
    address: read.readAddress(proto.address, `${path}.address`),
    network: read.readName(proto.network, `${path}.network`),
    vrrpInstance: read.readOptionalName(proto.vrrpInstance, `${path}.vrrp_instance`),
  };
}

function portToProto({ name, protocol, port, target, check, proxyProtocol }: Port): pb.Port.$Properties {
  const reached = { ...targetToProto(target), check: checkToProto(check), proxyProtocol };
  return { name, protocol: PROTOCOL_TO_PROTO[protocol], port, ...reached };
}

function portFromProto(proto: pb.Port, path: string): Port {
  return {
    name: read.readOptionalName(proto.name, `${path}.name`),
    protocol: readProtocol(proto.protocol, `${path}.protocol`),
    port: read.readPort(proto.port, `${path}.port`),
    target: targetFromProto(proto, path),
    check: checkFromProto(read.required(proto.check, `${path}.check`), `${path}.check`),
    ...proxyProtocolFromProto(proto, path),
  };
}

function readProtocol(protocol: pb.Protocol, path: string): Protocol {
  if (protocol === pb.Protocol.PROTOCOL_TCP) return 'TCP';
  if (protocol === pb.Protocol.PROTOCOL_UDP) return 'UDP';
  throw read.invalid(path, 'must be TCP or UDP');
}

function readFamily(family: pb.AddressFamily, path: string): AddressFamily {
  if (family === pb.AddressFamily.ADDRESS_FAMILY_IPV4) return 'ipv4';
  if (family === pb.AddressFamily.ADDRESS_FAMILY_IPV6) return 'ipv6';
  throw read.invalid(path, 'must be IPv4 or IPv6');
}

const PROTOCOL_TO_PROTO: Readonly<Record<Protocol, pb.Protocol>> = {
  TCP: pb.Protocol.PROTOCOL_TCP,
  UDP: pb.Protocol.PROTOCOL_UDP,
};

const FAMILY_TO_PROTO: Readonly<Record<AddressFamily, pb.AddressFamily>> = {
  ipv4: pb.AddressFamily.ADDRESS_FAMILY_IPV4,
  ipv6: pb.AddressFamily.ADDRESS_FAMILY_IPV6,
};
