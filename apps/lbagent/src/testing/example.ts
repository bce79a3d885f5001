import {
  address,
  type LoadBalancer,
  type MachineConfig,
  type MachineState,
  type Node,
  type NodeSet,
  type PlacedLoadBalancer,
  type Port,
} from '@fairlead/model';

export const CLUSTER = 'prod';

export const CONFIG: MachineConfig = {
  machine: 'lb-1',
  loadBalancerSet: 'edge',
  members: ['lb-1', 'lb-2'].map((name, index) => ({ name, address: address(`10.9.0.1${index + 1}`) })),
  vrrpInstances: [
    {
      name: 'edge-1',
      virtualRouterId: 51,
      anchorAddress: address('10.9.0.100'),
      network: 'lan',
      advertIntervalMs: 100,
      priorities: { 'lb-1': 250, 'lb-2': 225 },
    },
  ],
  networks: [{ network: 'lan', device: 'eth0', subnets: ['10.9.0.0/24'], gateways: [], announce: true }],
};

export function node(name: string, change: Partial<Node> = {}): Node {
  const last = Number(/\d+$/.exec(name)?.[0] ?? 0);
  return { name, addresses: [address(`10.8.0.${last}`)], eligible: true, draining: false, podCidrs: [], ...change };
}

export function nodePort(port: number, change: Partial<Port> = {}): Port {
  const target = { kind: 'node-port', nodePort: 30_000 + (port % 1000), nodes: 'all' } as const;
  return { name: '', protocol: 'TCP', port, target, check: { kind: 'node' }, ...change };
}

export function placed(
  id: string,
  vips: string | readonly string[],
  ports: readonly Port[],
  change: Partial<LoadBalancer> = {},
): PlacedLoadBalancer {
  const loadBalancer: LoadBalancer = {
    id,
    cluster: CLUSTER,
    namespace: 'shop',
    name: id,
    wantedAddresses: [],
    families: ['ipv4'],
    ports,
    labels: {},
    namespaceLabels: {},
    ...change,
  };
  const addresses = [vips].flat().map((vip) => ({ address: address(vip), network: 'lan', vrrpInstance: 'edge-1' }));
  return { loadBalancer, addresses };
}

export function nodeSet(nodes: readonly Node[], change: Partial<NodeSet> = {}): NodeSet {
  return { cluster: CLUSTER, nodes, maxBackends: 16, check: 'auto', podRoutes: false, ...change };
}

export const THREE_NODES = ['node-1', 'node-2', 'node-3'].map((name) => node(name));

export function stateOf(
  loadBalancers: readonly PlacedLoadBalancer[],
  set: NodeSet = nodeSet(THREE_NODES),
): MachineState {
  return {
    config: CONFIG,
    nodeSets: new Map([[set.cluster, set]]),
    loadBalancers: new Map(loadBalancers.map((each) => [each.loadBalancer.id, each])),
  };
}
