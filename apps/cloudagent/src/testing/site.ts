import { address, type LoadBalancer, type Node } from '@fairlead/model';
import { applyResources } from '../decisions/apply-resources.ts';
import { MutableTruth } from '../mutable-truth.ts';
import { resourcesOf } from '../resources/stored.ts';
import type { Decision, Truth } from '../truth.ts';

/** A site of two machines, one cluster and a pool of `vips` addresses from 10.0.0.150 on. */
export function siteYaml({ vips = 10, quarantine = '60s', machines = ['lb-1', 'lb-2'], more = '' } = {}): string {
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
spec: {loadBalancerSet: default, nodeCIDRs: [10.0.0.0/24], podCIDRs: [10.200.0.0/16]}
${machineDocuments.join('')}${more}`;
}

/** A truth that has taken the site and nothing else. */
export function truthOf(yaml = siteYaml(), now = 1_000): MutableTruth {
  const truth = new MutableTruth([], []);
  const change = { put: resourcesOf(yaml), remove: [] };
  const conflicts = decide(truth, (current) => applyResources(current, change, { siteName: 'test', now }));
  if (conflicts.length > 0) throw new Error(JSON.stringify(conflicts));
  return truth;
}

/** Takes the decision's changes at once, as the keeper would after the commit. */
export function decide<Answer>(truth: MutableTruth, decision: (truth: Truth) => Decision<Answer>): Answer {
  const { answer, changes } = decision(truth);
  if (changes !== undefined) truth.take(changes);
  return answer;
}

/** A Service of cluster prod with one NodePort. */
export function service(name: string, more: Partial<LoadBalancer> = {}): LoadBalancer {
  return {
    id: `uid-${name}`,
    cluster: 'prod',
    namespace: 'shop',
    name,
    wantedAddresses: [],
    families: ['ipv4'],
    ports: [
      {
        name: 'http',
        protocol: 'TCP',
        port: 80,
        target: { kind: 'node-port', nodePort: 30_080, nodes: 'all' },
        check: { kind: 'node' },
      },
    ],
    labels: {},
    namespaceLabels: {},
    ...more,
  };
}

export function node(name: string, text: string, more: Partial<Node> = {}): Node {
  return { name, addresses: [address(text)], eligible: true, draining: false, podCidrs: [], ...more };
}
