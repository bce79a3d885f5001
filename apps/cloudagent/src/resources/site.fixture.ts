import type { Violation } from './violation.ts';

/** One of each kind, as in the documentation. */
export const SITE = `apiVersion: fairlead.dev/v1
kind: Network
metadata: {name: lan}
spec: {subnets: [192.168.0.0/24, "fd12::/64"], gateways: [192.168.0.1], dns: [192.168.0.2], mtu: 1500, announce: arp}
---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: default}
spec:
  network: lan
  ranges: [192.168.0.150-192.168.0.200, 192.168.0.208/28]
  exclude: [192.168.0.160]
  autoAssign: true
  priority: 10
  clusters: [prod]
  namespaceSelector: {matchLabels: {team: web}}
  serviceSelector: {}
  quarantine: 60s
  reservations: [{address: 192.168.0.157, cluster: prod, namespace: shop, name: front}]
---
apiVersion: fairlead.dev/v1
kind: NodeIpPool
metadata: {name: machines}
spec: {network: lan, ranges: [192.168.0.20-192.168.0.29]}
---
apiVersion: fairlead.dev/v1
kind: LoadBalancerSet
metadata: {name: default}
spec:
  sku: haproxy
  count: 2
  size: {cpus: 2, memory: 2Gi}
  nodeIpPool: machines
  vipPools: [default]
  mode: active-passive
  vrrp: {advertInterval: 100ms}
  addressing: main-link
  provisioner: manual
---
apiVersion: fairlead.dev/v1
kind: Machine
metadata: {name: lb-1}
spec:
  loadBalancerSet: default
  agentAddress: 192.168.0.20
  interfaces: [{network: lan, device: eth0}]
---
apiVersion: fairlead.dev/v1
kind: Cluster
metadata: {name: prod}
spec:
  loadBalancerSet: default
  controlPlane: {vipPool: default, port: 6443, backends: [192.168.0.101]}
  nodeCIDRs: [192.168.0.0/24]
  podCIDRs: [10.200.0.0/16]
  nodeCheck: auto
  podRoutes: none
  quota: {addresses: 50}
---
apiVersion: fairlead.dev/v1
kind: LoadBalancer
metadata: {name: registry}
spec:
  loadBalancerSet: default
  vipPool: default
  ports: [{name: https, port: 443, targetPort: 8443, protocol: TCP}]
  backends: [{name: a, address: 10.0.0.5}]
`;

/** `line field: message`. */
export function formatViolation({ line, field, message }: Violation): string {
  return `${line} ${field}: ${message}`;
}
