import { familyOf, type LoadBalancer } from '@fairlead/model';
import type { ClusterResource } from '../resources/types.ts';
import type { Site } from './site.ts';

const CONTROL_PLANE = 'control-plane/';
const STATIC = 'static/';

/** True for ids that resources own, and no controller may touch. PURE. */
export function isDeclaredId(id: string): boolean {
  return id.startsWith(CONTROL_PLANE) || id.startsWith(STATIC);
}

/** `Cluster/prod` or `LoadBalancer/registry`: what declares the load balancer with this id. PURE. */
export function declarerOf(id: string): string {
  return id.startsWith(CONTROL_PLANE)
    ? `Cluster/${id.slice(CONTROL_PLANE.length)}`
    : `LoadBalancer/${id.slice(STATIC.length)}`;
}

/** The load balancers that the site's resources ask for: control planes first, then static ones, by name. PURE. */
export function declaredLoadBalancers(site: Site): readonly LoadBalancer[] {
  const controlPlanes = [...site.clusters.values()].flatMap((cluster) => controlPlaneOf(cluster) ?? []);
  const others = [...site.staticLoadBalancers.values()].map(({ spec }) => spec.loadBalancer);
  return [...controlPlanes, ...others];
}

/** The load balancer of a cluster's API servers. Checked by TCP: it is there before any of them is. PURE. */
export function controlPlaneOf({ name, spec }: ClusterResource): LoadBalancer | undefined {
  const { controlPlane } = spec;
  if (controlPlane === undefined) return undefined;
  const endpoints = controlPlane.backends.map((address) => ({
    name: address.replaceAll(':', '-'),
    address,
    port: controlPlane.backendPort,
    draining: false,
  }));
  return {
    id: CONTROL_PLANE + name,
    cluster: name,
    namespace: '',
    name: 'control-plane',
    wantedAddresses: controlPlane.address === undefined ? [] : [controlPlane.address],
    ...(controlPlane.vipPool === undefined ? {} : { pool: controlPlane.vipPool }),
    families: [familyOf(controlPlane.address ?? controlPlane.backends[0]!)],
    ports: [
      {
        name: 'https',
        protocol: 'TCP',
        port: controlPlane.port,
        target: { kind: 'endpoints', endpoints },
        check: { kind: 'tcp' },
      },
    ],
    labels: {},
    namespaceLabels: {},
  };
}

/** The set whose machines serve this load balancer; undefined: what it belongs to is not declared. PURE. */
export function setOf(loadBalancer: Pick<LoadBalancer, 'id' | 'cluster'>, site: Site): string | undefined {
  const { id, cluster } = loadBalancer;
  if (id.startsWith(STATIC)) return site.staticLoadBalancers.get(id.slice(STATIC.length))?.spec.loadBalancerSet;
  return site.clusters.get(cluster)?.spec.loadBalancerSet;
}
