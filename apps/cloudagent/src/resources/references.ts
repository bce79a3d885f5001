import type { Resource, ResourceKind } from './types.ts';
import type { Path } from './violation.ts';

/** One resource named by another. */
export interface Reference {
  readonly path: Path;
  readonly kind: ResourceKind;
  readonly name: string;
}

/**
 * What must exist for this resource to mean anything. A pool's `clusters` and `reservations` are not here:
 * they say who may come, and may be there before them.
 */
export function referencesOf(resource: Resource): Reference[] {
  switch (resource.kind) {
    case 'Network':
      return [];
    case 'VipPool':
    case 'NodeIpPool':
      return [{ path: ['spec', 'network'], kind: 'Network', name: resource.spec.network }];
    case 'LoadBalancerSet':
      return [
        { path: ['spec', 'nodeIpPool'], kind: 'NodeIpPool', name: resource.spec.nodeIpPool },
        ...resource.spec.vipPools.map((name, index) => vipPool(['spec', 'vipPools', index], name)),
      ];
    case 'Machine':
      return [
        set(resource.spec.loadBalancerSet),
        ...resource.spec.interfaces.map(({ network }, index): Reference => {
          return { path: ['spec', 'interfaces', index, 'network'], kind: 'Network', name: network };
        }),
      ];
    case 'Cluster': {
      const pool = resource.spec.controlPlane?.vipPool;
      const named = pool === undefined ? [] : [vipPool(['spec', 'controlPlane', 'vipPool'], pool)];
      return [set(resource.spec.loadBalancerSet), ...named];
    }
    default: {
      const { loadBalancerSet, vipPool: pool } = resource.spec;
      return [set(loadBalancerSet), ...(pool === undefined ? [] : [vipPool(['spec', 'vipPool'], pool)])];
    }
  }
}

function set(name: string): Reference {
  return { path: ['spec', 'loadBalancerSet'], kind: 'LoadBalancerSet', name };
}

function vipPool(path: Path, name: string): Reference {
  return { path, kind: 'VipPool', name };
}
