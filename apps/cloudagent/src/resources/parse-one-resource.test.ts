import { describe, expect, test } from 'vitest';
import { document, wrong } from './document.fixture.ts';

describe('one resource by itself', () => {
  const balancer = 'loadBalancerSet: x\nbackends: [{name: a, address: 10.0.0.9}]';
  test.each([
    ['Network', 'subnets: []', '5 Network/x spec.subnets: this list is empty: write at least one'],
    [
      'Network',
      'subnets: [127.0.0.0/8]',
      '5 Network/x spec.subnets[0]: 127.0.0.0/8 includes 127.0.0.0-127.255.255.255, which is a loopback address: it can be no network',
    ],
    [
      'Network',
      'subnets: [10.0.0.0/24]\ngateways: [10.0.1.1]',
      '6 Network/x spec.gateways[0]: gateway 10.0.1.1 is in none of the IPv4 subnets of this network',
    ],
    ['Network', 'subnets: [10.0.0.0/24]\nmtu: 99999', '6 Network/x spec.mtu: this is too big: write 9216 or less'],
    [
      'VipPool',
      'network: lan\nranges: 10.0.0.1',
      '6 VipPool/x spec.ranges: this must be a list, not the text "10.0.0.1"',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1-10.0.0.9, 10.0.0.9]',
      '6 VipPool/x spec.ranges[1]: 10.0.0.9 overlaps 10.0.0.1-10.0.0.9 of the same pool: leave the common part in one of them',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nexclude: [10.0.0.2]',
      "7 VipPool/x spec.exclude[0]: 10.0.0.2 is in none of this pool's ranges: there is nothing to exclude",
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nreservations: [{address: 10.0.0.2, cluster: a, namespace: b, name: c}]',
      "7 VipPool/x spec.reservations[0]: 10.0.0.2 is in none of this pool's ranges: it cannot be reserved here",
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nclusters: [z]\nreservations: [{address: 10.0.0.1, cluster: a, namespace: b, name: c}]',
      '8 VipPool/x spec.reservations[0]: 10.0.0.1 is reserved for cluster a, which is not among the clusters of this pool: add it there',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nquarantine: 2w',
      '7 VipPool/x spec.quarantine: "2w" is not a time span: write a number and ms, s, m, h or d, for example 60s',
    ],
    [
      'VipPool',
      'network: 5\nranges: [10.0.0.1]',
      '5 VipPool/x spec.network: this must be text, not 5: put it in quotes',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nserviceSelector: {matchLabels: {"a b": c}}',
      '7 VipPool/x spec.serviceSelector.matchLabels["a b"]: "a b=c" is not a label that Kubernetes accepts: use letters, digits, "-", "_" and "."',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nvrrp: {advertInterval: 20ms}',
      '7 LoadBalancerSet/x spec.vrrp.advertInterval: 20ms is out of bounds: write 30ms to 40950ms',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nvrrp: {advertInterval: 35ms}',
      '7 LoadBalancerSet/x spec.vrrp.advertInterval: VRRP counts in steps of 10ms: write a multiple of it',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nsize: Standard_K8S3_v2',
      '7 LoadBalancerSet/x spec.size: "Standard_K8S3_v2" is not a size known here: did you mean Standard_K8S3_v1?',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nsize: {cpus: 2, memory: 2GB}',
      '7 LoadBalancerSet/x spec.size.memory: "2GB" is not an amount of memory: write for example 2Gi',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nsize: {cpu: 2, memory: 2Gi}',
      '7 LoadBalancerSet/x spec.size.cpus: this field is missing: give it a number|7 LoadBalancerSet/x spec.size.cpu: unknown field "cpu": did you mean cpus?',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x, x]',
      '6 LoadBalancerSet/x spec.vipPools[1]: x is here twice: remove one',
    ],
    [
      'Machine',
      'loadBalancerSet: s\nagentAddress: 224.0.0.1\ninterfaces: [{network: lan, device: "eth0; rm"}]',
      '6 Machine/x spec.agentAddress: 224.0.0.1 is a multicast address: no machine can have it|7 Machine/x spec.interfaces[0].device: "eth0; rm" is not a link name: write for example eth0',
    ],
    ['Cluster', 'loadBalancerSet: s', '4 Cluster/x spec.nodeCIDRs: this field is missing: give it a list'],
    [
      'Cluster',
      'loadBalancerSet: s\nnodeCIDRs: [10.0.0.0/24]\ncontrolPlane: {backends: [10.0.1.1, 127.0.0.1]}',
      '7 Cluster/x spec.controlPlane.backends[1]: 127.0.0.1 is a loopback address: it can never be a backend',
    ],
    [
      'Cluster',
      'loadBalancerSet: s\nnodeCIDRs: [10.0.0.0/24]\ncontrolPlane: {backends: [10.0.1.1]}',
      '7 Cluster/x spec.controlPlane.backends[0]: 10.0.1.1 is outside nodeCIDRs: widen nodeCIDRs, or correct the address',
    ],
    [
      'LoadBalancer',
      `${balancer}\nports: [{port: 80}, {port: 81}]`,
      '7 LoadBalancer/x spec.ports[0]: with several ports, each one needs a name|7 LoadBalancer/x spec.ports[1]: with several ports, each one needs a name',
    ],
    [
      'LoadBalancer',
      `${balancer}\nports: [{name: a, port: 80}, {name: a, port: 80}]`,
      '7 LoadBalancer/x spec.ports[1]: 80/TCP is here twice: remove one|7 LoadBalancer/x spec.ports[1]: another port is called a already: rename one',
    ],
    [
      'LoadBalancer',
      `${balancer}\nports: [{port: 70000}]`,
      '7 LoadBalancer/x spec.ports[0].port: this is too big: write 65535 or less',
    ],
  ])('%s %j', (kind, spec, message) => {
    expect(wrong(document(kind, spec)).join('|')).toBe(message);
  });
});

describe('what means something but is not served yet is refused by name', () => {
  const set = 'nodeIpPool: m\nvipPools: [x]';
  const cluster = 'loadBalancerSet: x\nnodeCIDRs: [10.0.0.0/24]';
  const balancer = 'loadBalancerSet: x\nbackends: [{name: a, address: 10.0.0.9}]';
  test.each([
    [document('Network', 'subnets: [10.0.0.0/24]\nannounce: none'), 'announce: none is not served yet: write arp'],
    [
      document('VipPool', 'network: lan\nranges: [10.0.0.1]\nserviceSelector: {matchExpressions: []}'),
      'serviceSelector.matchExpressions: matchExpressions is not served yet: use matchLabels',
    ],
    [
      document('LoadBalancerSet', `${set}\nmode: active-active`),
      'mode: active-active is not served yet: write active-passive',
    ],
    [
      document('LoadBalancerSet', `${set}\naddressing: macvlan`),
      'addressing: macvlan is not served yet: write main-link',
    ],
    [
      document('LoadBalancerSet', `${set}\nprovisioner: {command: [make]}`),
      'provisioner: a command that makes machines is not served yet: write manual, and use `fairlead machines add`',
    ],
    [
      document('Cluster', `${cluster}\npodRoutes: static`),
      'podRoutes: podRoutes is static, but there are no podCIDRs that it could be for: name them',
    ],
    [document('Cluster', `${cluster}\ndrainTimeout: 10`), 'drainTimeout: 10 has no unit: write 10s or 10ms'],
    [
      document('LoadBalancer', `${balancer}\nports: [{port: 53, protocol: SCTP}]`),
      'ports[0].protocol: SCTP is not served yet: write TCP or UDP',
    ],
  ])('%#', (yaml, message) => {
    expect(wrong(yaml).map((text) => text.replace(/^\d+ \w+\/x spec\./, ''))).toEqual([message]);
  });
});
