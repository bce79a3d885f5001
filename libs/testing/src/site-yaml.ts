/** What differs between the sites of tests. */
export interface SiteYaml {
  /** Addresses of the pool, from 10.0.0.150 on. */
  readonly vips?: number;
  readonly quarantine?: string;
  /** At 10.0.0.20 and so on. */
  readonly machines?: readonly string[];
  /** Where the nodes of cluster prod are. */
  readonly nodeCIDR?: string;
  /** Further documents. */
  readonly more?: string;
}

/** The resources of a site with one network, one pool of addresses, one set of machines and one cluster. */
export function siteYaml(site: SiteYaml = {}): string {
  const { vips = 10, quarantine = '60s', machines = ['lb-1', 'lb-2'], nodeCIDR = '10.0.0.0/24', more = '' } = site;
  const machineDocuments = machines.map(
    (name, index) => `---
apiVersion: fairlead.dev/v1
kind: Machine
metadata: {name: ${name}}
spec: {loadBalancerSet: default, agentAddress: 10.0.0.${20 + index}, interfaces: [{network: lan, device: eth0}]}
`,
  );
  return `apiVersion: fairlead.dev/v1
kind: Network
metadata: {name: lan}
spec: {subnets: [10.0.0.0/24], gateways: [10.0.0.1]}
---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: default}
spec: {network: lan, ranges: [10.0.0.150-10.0.0.${149 + vips}], quarantine: ${quarantine}}
---
apiVersion: fairlead.dev/v1
kind: NodeIpPool
metadata: {name: machines}
spec: {network: lan, ranges: [10.0.0.20-10.0.0.29]}
---
apiVersion: fairlead.dev/v1
kind: LoadBalancerSet
metadata: {name: default}
spec: {sku: haproxy, count: 2, nodeIpPool: machines, vipPools: [default]}
---
apiVersion: fairlead.dev/v1
kind: Cluster
metadata: {name: prod}
spec: {loadBalancerSet: default, nodeCIDRs: [${nodeCIDR}], podCIDRs: [10.200.0.0/16]}
${machineDocuments.join('')}${more}`;
}
