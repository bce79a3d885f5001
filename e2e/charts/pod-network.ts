import type { Lab } from '../lab/lab.ts';
import type { Cluster } from '../tests/cluster.ts';

/** What the network of a cluster gives to Pods and the lab's does not: a way to the API server, and to the world outside. */
export async function openPodNetwork(lab: Lab, cluster: Cluster): Promise<void> {
  const { site } = lab;
  const { podCidr, port } = site.cluster;
  await cluster.apply(apiEndpoint(site.control.address, port));
  const rules = `add table ip outbound; add chain ip outbound nat { type nat hook postrouting priority 100; };
    add rule ip outbound nat ip saddr ${podCidr} ip daddr != ${podCidr} masquerade`;
  await Promise.all(site.nodes.map(({ name }) => lab.must(name, ['nft', rules])));
}

function apiEndpoint(address: string, port: number): unknown {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}
