import { machineFamilyOf } from '@fairlead/ipam';
import { familyOf, familyText, rangeContains } from '@fairlead/model';
import type { Address } from '@fairlead/model';
import { MAX_MACHINES } from './schema/load-balancer-set.ts';
import type { SiteIndex } from './site-index.ts';
import type { ClusterResource, LoadBalancerResource, MachineResource, Resource, VipPoolResource } from './types.ts';
import type { Path } from './violation.ts';

/** One set announces its addresses on one network, that of its machines: one VRRP instance, one anchor. */
export function judgeSets(site: SiteIndex): void {
  for (const set of site.of('LoadBalancerSet')) {
    const machines = site.of('Machine').filter(({ spec }) => spec.loadBalancerSet === set.name);
    if (machines.length > MAX_MACHINES) {
      const message = `${set.name} would have ${machines.length} machines: ${MAX_MACHINES} can share one address, so use another set`;
      site.report(machines.at(-1)!, ['spec', 'loadBalancerSet'], message);
    }
    const home = site.find('NodeIpPool', set.spec.nodeIpPool);
    for (const [index, name] of set.spec.vipPools.entries()) {
      const pool = site.find('VipPool', name);
      if (pool === undefined || home === undefined || pool.spec.network === home.spec.network) continue;
      const message = `VipPool ${name} is on network ${pool.spec.network}, NodeIpPool ${home.name} on ${home.spec.network}: addresses on another network than the machines' own are not served yet, so use a set for each network`;
      site.report(set, ['spec', 'vipPools', index], message);
    }
  }
}

/** Every machine reaches the networks of its set's pools, and has an address that nobody else uses. */
export function judgeMachines(site: SiteIndex): void {
  const seen = new Map<Address, string>();
  for (const machine of site.of('Machine')) {
    const { agentAddress, interfaces, loadBalancerSet } = machine.spec;
    const path = ['spec', 'agentAddress'];
    const pool = vipPoolWith(site, agentAddress);
    if (pool !== undefined) {
      const message = `${agentAddress} is in VipPool ${pool.name}: a machine's own address must not be given to a load balancer, so exclude it there`;
      site.report(machine, path, message);
    }
    const earlier = seen.get(agentAddress);
    if (earlier !== undefined) {
      site.report(machine, path, `${agentAddress} is the address of machine ${earlier} already: give this one its own`);
    }
    seen.set(agentAddress, machine.name);
    judgeMachineFamily(site, machine);

    const attached = new Set(interfaces.map(({ network }) => network));
    const pools = site.find('LoadBalancerSet', loadBalancerSet)?.spec.vipPools ?? [];
    for (const each of pools.map((name) => site.find('VipPool', name))) {
      if (each === undefined || attached.has(each.spec.network)) continue;
      const message = `this machine has no interface on network ${each.spec.network}, where its set ${loadBalancerSet} serves pool ${each.name}: add one`;
      site.report(machine, ['spec', 'interfaces'], message);
      attached.add(each.spec.network);
    }
  }
}

/** Machines of a set and its VRRP address are of one family, or keepalived would not take them. */
function judgeMachineFamily(site: SiteIndex, machine: MachineResource): void {
  const { agentAddress, loadBalancerSet } = machine.spec;
  const set = site.find('LoadBalancerSet', loadBalancerSet);
  const pool = set && site.find('NodeIpPool', set.spec.nodeIpPool);
  if (pool === undefined || familyOf(agentAddress) === machineFamilyOf(pool.spec)) return;
  const family = familyText(machineFamilyOf(pool.spec));
  const message = `${agentAddress} is no ${family} address, as the machines of set ${loadBalancerSet} have by its NodeIpPool ${pool.name}: give this one an ${family} address (its VIPs may be of both families all the same)`;
  site.report(machine, ['spec', 'agentAddress'], message);
}

interface Requested {
  readonly resource: ClusterResource | LoadBalancerResource;
  readonly set: string;
  readonly pool: string | undefined;
  readonly address: Address | undefined;
  readonly prefix: Path;
}

/** Pools and addresses asked for in the site itself can be had, and each address is asked for once. */
export function judgeRequestedAddresses(site: SiteIndex): void {
  const seen = new Map<Address, string>();
  for (const request of requests(site)) {
    const { resource, address, prefix } = request;
    judgeRequestedPool(site, request);
    if (address === undefined) continue;
    const path = [...prefix, 'address'];
    const why = whyNotGiven(site, request, address);
    if (why !== undefined) site.report(resource, path, why);
    const other = seen.get(address);
    if (other !== undefined)
      site.report(resource, path, `${address} is asked for by ${other} already: ask for another`);
    seen.set(address, `${resource.kind} ${resource.name}`);
  }
}

function requests(site: SiteIndex): Requested[] {
  const controlPlanes = site.of('Cluster').flatMap((resource): Requested[] => {
    const { controlPlane, loadBalancerSet: set } = resource.spec;
    if (controlPlane === undefined) return [];
    return [
      { resource, set, pool: controlPlane.vipPool, address: controlPlane.address, prefix: ['spec', 'controlPlane'] },
    ];
  });
  const balancers = site.of('LoadBalancer').map((resource): Requested => {
    const { loadBalancerSet: set, vipPool: pool, address } = resource.spec;
    return { resource, set, pool, address, prefix: ['spec'] };
  });
  return [...controlPlanes, ...balancers];
}

function judgeRequestedPool(site: SiteIndex, { resource, set, pool, prefix }: Requested): void {
  const known = site.find('LoadBalancerSet', set)?.spec.vipPools;
  if (pool === undefined || known === undefined || !site.exists('VipPool', pool)) return;
  const path = [...prefix, 'vipPool'];
  if (!known.includes(pool)) {
    site.report(
      resource,
      path,
      `${pool} is not among the vipPools of LoadBalancerSet ${set}: add it there, or name another`,
    );
  }
  const clusters = site.find('VipPool', pool)?.spec.clusters ?? [];
  if (resource.kind === 'Cluster' && clusters.length > 0 && !clusters.includes(resource.name)) {
    site.report(
      resource,
      path,
      `VipPool ${pool} is only for ${clusters.join(', ')}: add this cluster there, or name another`,
    );
  }
}

function whyNotGiven(site: SiteIndex, { set, pool }: Requested, address: Address): string | undefined {
  const found = vipPoolContaining(site, address);
  const names = site.find('LoadBalancerSet', set)?.spec.vipPools;
  if (names === undefined) return undefined;
  if (found === undefined) return `${address} is in no VipPool: ask for one of ${names.join(', ')}`;
  if (pool !== undefined && found.name !== pool)
    return `${address} is in VipPool ${found.name}, not in ${pool}: make the two agree`;
  if (!names.includes(found.name))
    return `${address} is in VipPool ${found.name}, which LoadBalancerSet ${set} does not serve`;
  if (isExcluded(found, address)) return `${address} is excluded from VipPool ${found.name}: ask for another`;
  const kept = found.spec.reservations.find((reservation) => reservation.address === address);
  return kept === undefined
    ? undefined
    : `${address} is reserved for ${kept.cluster}/${kept.namespace}/${kept.name}: ask for another`;
}

/** No load balancer sends traffic to a VIP or to an LB machine: it would send it to itself. */
export function judgeBackends(site: SiteIndex): void {
  for (const cluster of site.of('Cluster')) {
    for (const [index, address] of (cluster.spec.controlPlane?.backends ?? []).entries()) {
      judgeBackend(site, cluster, { path: ['spec', 'controlPlane', 'backends', index], address });
    }
  }
  for (const balancer of site.of('LoadBalancer')) {
    const target = balancer.spec.loadBalancer.ports[0]?.target;
    const endpoints = target?.kind === 'endpoints' ? target.endpoints : [];
    for (const [index, { address }] of endpoints.entries()) {
      judgeBackend(site, balancer, { path: ['spec', 'backends', index, 'address'], address });
    }
  }
}

function judgeBackend(site: SiteIndex, resource: Resource, { path, address }: { path: Path; address: Address }): void {
  const pool = vipPoolWith(site, address);
  if (pool !== undefined) {
    site.report(resource, path, `${address} is in VipPool ${pool.name}: a virtual address can never be a backend`);
  }
  const machine = site.of('Machine').find(({ spec }) => spec.agentAddress === address);
  if (machine !== undefined) {
    site.report(resource, path, `${address} is LB machine ${machine.name}: it can never be a backend`);
  }
}

/** The pool that could give the address. */
function vipPoolWith(site: SiteIndex, address: Address): VipPoolResource | undefined {
  const pool = vipPoolContaining(site, address);
  return pool === undefined || isExcluded(pool, address) ? undefined : pool;
}

function vipPoolContaining(site: SiteIndex, address: Address): VipPoolResource | undefined {
  return site.of('VipPool').find(({ spec }) => spec.ranges.some((range) => rangeContains(range, address)));
}

function isExcluded(pool: VipPoolResource, address: Address): boolean {
  return pool.spec.exclude.some((range) => rangeContains(range, address));
}
