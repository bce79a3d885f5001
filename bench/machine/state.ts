import {
  address,
  type LoadBalancer,
  type MachineState,
  type NodeSetDelta,
  type PlacedLoadBalancer,
  type Port,
} from '@fairlead/model';

/** The one LB machine of the rig, its nodes, and what it is told to serve. */

export const LB = { name: 'lb', address: '10.9.1.1' } as const;
export const NODES = [1, 2, 3, 4, 5].map((index) => ({ name: `node-${index}`, address: `10.9.2.${index}` }));
/** Where every node's echo program greets. */
export const NODE_PORT = 9000;
export const SERVICE_PORT = 80;

const CLUSTER = 'bench';
const INSTANCE = 'bench-1';

/** Where service number `index`, from 0 to 9,999, is to be found on the machine with lbagent. */
export function vipOf(index: number): string {
  return addressFrom(100, index);
}

/** The same on the machine of the baseline. */
export function plainVipOf(index: number): string {
  return addressFrom(150, index);
}

function addressFrom(block: number, index: number): string {
  return `10.9.${block + Math.floor(index / 250)}.${1 + (index % 250)}`;
}

/** A Service with five nodes behind it, or those named. */
export function service(index: number, nodes: 'all' | readonly string[] = 'all'): PlacedLoadBalancer {
  const port: Port = {
    name: 'http',
    protocol: 'TCP',
    port: SERVICE_PORT,
    target: { kind: 'node-port', nodePort: NODE_PORT, nodes },
    check: { kind: 'node' },
  };
  const loadBalancer: LoadBalancer = {
    id: `service-${index}`,
    cluster: CLUSTER,
    namespace: 'bench',
    name: `service-${index}`,
    wantedAddresses: [],
    families: ['ipv4'],
    ports: [port],
    labels: {},
    namespaceLabels: {},
  };
  return { loadBalancer, addresses: [{ address: address(vipOf(index)), network: 'lan', vrrpInstance: INSTANCE }] };
}

/** Number of the service under load. */
export const LOADED = 9_999;
/** Where the nodes answer HTTP requests as quickly as they can. */
export const HTTP_NODE_PORT = 8000;
/** Where one of them takes and gives as many bytes as it can. */
export const BULK = { port: 5201, node: 'node-1' } as const;

/** The service under load: requests to every node, bulk to one; with `udp` bulk by UDP too, and no requests. */
export function loadedService({ udp }: { readonly udp: boolean }): PlacedLoadBalancer {
  const { loadBalancer, addresses } = service(LOADED);
  const [http] = loadBalancer.ports as [Port];
  const requests: Port = { ...http, target: { kind: 'node-port', nodePort: HTTP_NODE_PORT, nodes: 'all' } };
  const bulk: Port = {
    ...http,
    name: 'bulk',
    port: BULK.port,
    target: { kind: 'node-port', nodePort: BULK.port, nodes: [BULK.node] },
  };
  const ports = udp ? [bulk, { ...bulk, name: 'bulk-udp', protocol: 'UDP' as const }] : [requests, bulk];
  return { loadBalancer: { ...loadBalancer, ports }, addresses };
}

/** What tells the machine that a node is there, or is not any more. */
export function nodeChange(name: string, there: boolean): NodeSetDelta {
  const changed = NODES.filter((each) => each.name === name);
  return { cluster: CLUSTER, removed: false, upsert: there ? changed.map(node) : [], remove: there ? [] : [name] };
}

/** The machine with services 0 to `count` - 1. */
export function machineState(count: number): MachineState {
  const services = Array.from({ length: count }, (_, index) => service(index));
  return {
    config: {
      machine: LB.name,
      loadBalancerSet: 'bench',
      members: [{ name: LB.name, address: address(LB.address) }],
      vrrpInstances: [
        {
          name: INSTANCE,
          virtualRouterId: 51,
          anchorAddress: address('10.9.1.29'),
          network: 'lan',
          advertIntervalMs: 100,
          priorities: { [LB.name]: 250 },
        },
      ],
      networks: [{ network: 'lan', device: 'eth0', subnets: ['10.9.0.0/16'], gateways: [], announce: true }],
    },
    nodeSets: new Map([
      [CLUSTER, { cluster: CLUSTER, nodes: NODES.map(node), maxBackends: 16, check: 'node-port', podRoutes: false }],
    ]),
    loadBalancers: new Map(services.map((each) => [each.loadBalancer.id, each])),
  };
}

function node({ name, address: at }: { name: string; address: string }) {
  return { name, addresses: [address(at)], eligible: true, draining: false, podCidrs: [] };
}
