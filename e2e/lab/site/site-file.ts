import { stringify } from 'yaml';
import type { Site, SiteOptions } from './plan.ts';

const CONTROL_PLANE_POOL = 'control-plane';

/** The site as its operator would declare it to the cloudagent: YAML documents. */
export function renderSiteFile(site: Site, options: SiteOptions): string {
  const documents = [
    network(site),
    ...vipPools(site, options),
    resource('NodeIpPool', 'machines', { network: 'lan', ranges: ['10.9.1.1-10.9.1.29'] }),
    loadBalancerSet(site, options),
    ...(options.declareMachines ? site.machines : []).map((machine) =>
      resource('Machine', machine.name, {
        loadBalancerSet: site.loadBalancerSet,
        agentAddress: machine.address,
        interfaces: [{ network: 'lan', device: 'eth0' }],
      }),
    ),
    cluster(site, options),
    ...options.staticLoadBalancers.map((name) => staticLoadBalancer(name, site)),
  ];
  return documents.map((document) => stringify(document)).join('---\n');
}

function resource(kind: string, name: string, spec: unknown) {
  return { apiVersion: 'fairlead.dev/v1', kind, metadata: { name }, spec };
}

function network(site: Site) {
  const subnets = [site.subnet, ...(site.subnet6 === undefined ? [] : [site.subnet6])];
  return resource('Network', 'lan', { subnets, gateways: [site.wire], mtu: 1500, announce: 'arp' });
}

function vipPools(site: Site, options: SiteOptions) {
  const { name, ranges } = site.vipPool;
  const pools = [resource('VipPool', name, { network: 'lan', ranges, quarantine: options.quarantine })];
  const { controlPlaneAddress } = site.cluster;
  if (controlPlaneAddress === undefined) return pools;
  // A pool of its own, so that tests may fill the other one.
  const own = { network: 'lan', ranges: [controlPlaneAddress], autoAssign: false };
  return [...pools, resource('VipPool', CONTROL_PLANE_POOL, own)];
}

function loadBalancerSet(site: Site, options: SiteOptions) {
  const pools = site.cluster.controlPlaneAddress === undefined ? [] : [CONTROL_PLANE_POOL];
  return resource('LoadBalancerSet', site.loadBalancerSet, {
    sku: 'haproxy',
    count: site.machines.length,
    nodeIpPool: 'machines',
    vipPools: [site.vipPool.name, ...pools],
    mode: 'active-passive',
    vrrp: { advertInterval: options.advertInterval },
    addressing: 'main-link',
    provisioner: 'manual',
  });
}

function cluster(site: Site, options: SiteOptions) {
  const { name, nodeCidr, podCidr, port, controlPlaneAddress, ipv6 } = site.cluster;
  const controlPlane =
    controlPlaneAddress === undefined
      ? {}
      : {
          controlPlane: {
            vipPool: CONTROL_PLANE_POOL,
            address: controlPlaneAddress,
            port,
            backends: [site.control.address],
          },
        };
  return resource('Cluster', name, {
    loadBalancerSet: site.loadBalancerSet,
    ...controlPlane,
    nodeCIDRs: [nodeCidr, `${site.control.address}/32`, ...(ipv6 ? [ipv6.nodeCidr] : [])],
    podCIDRs: [podCidr, ...(ipv6 ? [ipv6.podCidr] : [])],
    ...options.cluster,
  });
}

function staticLoadBalancer(name: string, site: Site) {
  return resource('LoadBalancer', name, {
    loadBalancerSet: site.loadBalancerSet,
    vipPool: site.vipPool.name,
    ...(site.subnet6 === undefined ? {} : { ipFamilies: ['IPv4', 'IPv6'] }),
    ports: [
      { name: 'http', port: 80, targetPort: site.echo.http, protocol: 'TCP' },
      { name: 'tcp', port: 9000, targetPort: site.echo.tcp, protocol: 'TCP' },
    ],
    backends: site.nodes.map((node) => ({ name: node.name, address: node.address })),
  });
}
