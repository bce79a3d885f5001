import { formatRange, rangesOverlap } from '@fairlead/model';
import type { AddressRange } from '@fairlead/model';
import type { SiteIndex } from './site-index.ts';
import type { ClusterResource, NetworkResource, NodeIpPoolResource, VipPoolResource } from './types.ts';

type PoolResource = VipPoolResource | NodeIpPoolResource;

/** An address means one place: no two subnets overlap, in one network or in two. */
export function judgeNetworks(site: SiteIndex): void {
  const seen: { network: NetworkResource; subnet: AddressRange; text: string }[] = [];
  for (const network of site.of('Network')) {
    for (const [index, subnet] of network.spec.subnets.entries()) {
      const text = network.spec.subnetTexts[index] ?? formatRange(subnet);
      const earlier = seen.find((other) => rangesOverlap(other.subnet, subnet));
      if (earlier !== undefined) {
        const where = earlier.network === network ? 'this network' : `network ${earlier.network.name}`;
        site.report(
          network,
          ['spec', 'subnets', index],
          `${text} overlaps ${earlier.text} of ${where}: change one of them`,
        );
      }
      seen.push({ network, subnet, text });
    }
  }
}

/** Every range lies inside one subnet of its network, and no address is in two pools. */
export function judgePools(site: SiteIndex): void {
  const seen: { pool: PoolResource; range: AddressRange }[] = [];
  for (const pool of [...site.all()].filter(isPool)) {
    const network = site.find('Network', pool.spec.network);
    for (const [index, range] of pool.spec.ranges.entries()) {
      const path = ['spec', 'ranges', index];
      if (network !== undefined && !network.spec.subnets.some((subnet) => isInside(range, subnet))) {
        const subnets = network.spec.subnetTexts.join(', ');
        const message = `${formatRange(range)} is not inside a subnet of network ${network.name} (${subnets}): correct the range, or add the subnet`;
        site.report(pool, path, message);
      }
      const earlier = seen.find((other) => rangesOverlap(other.range, range));
      if (earlier !== undefined) {
        const other = `${formatRange(earlier.range)} of ${earlier.pool.kind} ${earlier.pool.name}`;
        site.report(pool, path, `${formatRange(range)} overlaps ${other}: leave the common part in one of them`);
      }
      seen.push({ pool, range });
    }
  }
}

/** Where machines route pod ranges, each leads to one cluster, and none away from a network of the site. */
export function judgePodRoutes(site: SiteIndex): void {
  const seen: { cluster: ClusterResource; range: AddressRange }[] = [];
  for (const cluster of site.of('Cluster').filter(({ spec }) => spec.podRoutes === 'static')) {
    for (const [index, range] of cluster.spec.podCidrs.entries()) {
      const path = ['spec', 'podCIDRs', index];
      const network = site
        .of('Network')
        .find(({ spec }) => spec.subnets.some((subnet) => rangesOverlap(subnet, range)));
      if (network !== undefined) {
        const message = `${formatRange(range)} overlaps a subnet of network ${network.name}, which podRoutes: static would cut off: correct it`;
        site.report(cluster, path, message);
      }
      const isSameSet = (other: ClusterResource) => other.spec.loadBalancerSet === cluster.spec.loadBalancerSet;
      const earlier = seen.find((other) => isSameSet(other.cluster) && rangesOverlap(other.range, range));
      if (earlier !== undefined && earlier.cluster !== cluster) {
        const other = `${formatRange(earlier.range)} of Cluster ${earlier.cluster.name}`;
        const message = `${formatRange(range)} overlaps ${other}, and the same machines would have to route both: use another LoadBalancerSet, or podRoutes: none`;
        site.report(cluster, path, message);
      }
      seen.push({ cluster, range });
    }
  }
}

function isPool(resource: { readonly kind: string }): resource is PoolResource {
  return resource.kind === 'VipPool' || resource.kind === 'NodeIpPool';
}

function isInside(inner: AddressRange, outer: AddressRange): boolean {
  return inner.family === outer.family && inner.first >= outer.first && inner.last <= outer.last;
}
