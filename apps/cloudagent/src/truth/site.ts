import type {
  ClusterResource,
  LoadBalancerResource,
  LoadBalancerSetResource,
  MachineResource,
  NetworkResource,
  NodeIpPoolResource,
  Resource,
  VipPoolResource,
} from '../resources/types.ts';

/** Everything declared, by kind and name; each map in order of name, whatever order the resources came in. */
export interface Site {
  readonly networks: ReadonlyMap<string, NetworkResource>;
  readonly vipPools: ReadonlyMap<string, VipPoolResource>;
  readonly nodeIpPools: ReadonlyMap<string, NodeIpPoolResource>;
  readonly sets: ReadonlyMap<string, LoadBalancerSetResource>;
  readonly machines: ReadonlyMap<string, MachineResource>;
  readonly clusters: ReadonlyMap<string, ClusterResource>;
  readonly staticLoadBalancers: ReadonlyMap<string, LoadBalancerResource>;
}

/** `Kind/name`: what a resource is called in messages, and its key. */
export function resourceKey(resource: { readonly kind: string; readonly name: string }): string {
  return `${resource.kind}/${resource.name}`;
}

/** Sorts what is declared by kind and name. PURE. */
export function siteOf(resources: Iterable<Resource>): Site {
  const site = {
    networks: new Map<string, NetworkResource>(),
    vipPools: new Map<string, VipPoolResource>(),
    nodeIpPools: new Map<string, NodeIpPoolResource>(),
    sets: new Map<string, LoadBalancerSetResource>(),
    machines: new Map<string, MachineResource>(),
    clusters: new Map<string, ClusterResource>(),
    staticLoadBalancers: new Map<string, LoadBalancerResource>(),
  };
  for (const resource of [...resources].sort((a, b) => compareText(a.name, b.name))) {
    switch (resource.kind) {
      case 'Network':
        site.networks.set(resource.name, resource);
        break;
      case 'VipPool':
        site.vipPools.set(resource.name, resource);
        break;
      case 'NodeIpPool':
        site.nodeIpPools.set(resource.name, resource);
        break;
      case 'LoadBalancerSet':
        site.sets.set(resource.name, resource);
        break;
      case 'Machine':
        site.machines.set(resource.name, resource);
        break;
      case 'Cluster':
        site.clusters.set(resource.name, resource);
        break;
      case 'LoadBalancer':
        site.staticLoadBalancers.set(resource.name, resource);
        break;
    }
  }
  return site;
}

/** The machines of a set, in order of name. PURE. */
export function machinesOf(site: Site, set: string): readonly MachineResource[] {
  return [...site.machines.values()].filter((machine) => machine.spec.loadBalancerSet === set);
}

/** By code unit: the same order on every machine, whatever its locale. PURE. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
