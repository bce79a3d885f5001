import type { Occupied } from '@fairlead/ipam';
import { addressFromBigInt, addressToBigInt, familyOf, type Address, type AddressRange } from '@fairlead/model';
import type { Truth } from './truth.ts';

/**
 * Every address that something other than a load balancer uses, so that none is ever given as a VIP, an anchor or
 * a machine's own: gateways, resolvers, the ends of each IPv4 subnet, the first of each IPv6 subnet, LB machines, anchors,
 * nodes, declared backends. PURE.
 */
export function occupiedOf(truth: Pick<Truth, 'site' | 'sets' | 'nodes'>): readonly Occupied[] {
  return [...byNetworks(truth), ...byMachines(truth), ...byBackends(truth)];
}

function* byNetworks({ site }: Pick<Truth, 'site'>): Generator<Occupied> {
  for (const { name, spec } of site.networks.values()) {
    for (const gateway of spec.gateways) yield single(gateway, `a gateway of network ${name}`);
    for (const resolver of spec.dns) yield single(resolver, `a DNS server of network ${name}`);
    for (const { family, first, last } of spec.subnets) {
      // RFC 3021: a /31 has neither. RFC 6164: nor has a /127 routers for all.
      if (last - first < 3n) continue;
      if (family === 'ipv6') {
        // RFC 4291, 2.6.1: every router of the subnet answers there.
        yield single(addressFromBigInt(first, family), `the address of all routers of a subnet of network ${name}`);
        continue;
      }
      yield single(addressFromBigInt(first, family), `the first address of a subnet of network ${name}`);
      yield single(addressFromBigInt(last, family), `the broadcast address of a subnet of network ${name}`);
    }
  }
}

function* byMachines({ site, sets }: Pick<Truth, 'site' | 'sets'>): Generator<Occupied> {
  for (const { name, spec } of site.machines.values()) yield single(spec.agentAddress, `machine ${name}`);
  for (const [name, { anchorAddress }] of sets) {
    yield single(anchorAddress, `the VRRP address of load balancer set ${name}`);
  }
}

function* byBackends({ site, nodes }: Pick<Truth, 'site' | 'nodes'>): Generator<Occupied> {
  for (const [cluster, members] of nodes) {
    for (const node of members.values()) {
      for (const address of node.addresses) yield single(address, `node ${node.name} of cluster ${cluster}`);
    }
  }
  for (const { name, spec } of site.clusters.values()) {
    for (const address of spec.controlPlane?.backends ?? []) yield single(address, `an API server of cluster ${name}`);
  }
}

function single(address: Address, by: string): Occupied {
  return { range: rangeOf(address), by };
}

/** The range of this one address. PURE. */
export function rangeOf(address: Address): AddressRange {
  const value = addressToBigInt(address);
  return { family: familyOf(address), first: value, last: value };
}
