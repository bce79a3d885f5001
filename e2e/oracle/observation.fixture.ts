import type { LoadBalancerFacts, MachineInside, Observation, ServiceFacts } from './observation.ts';

const NODES = ['10.9.2.1', '10.9.2.2'];
const ROUTES = {
  '10.9.100.1:80': ['10.9.2.1:30001', '10.9.2.2:30001'],
  '10.9.100.2:80': ['10.9.2.1:30002', '10.9.2.2:30002'],
};
const NAMES: Readonly<Record<string, string>> = { 'uid-a': 'a', 'uid-b': 'b' };

export function loadBalancer(id: string, number: number): LoadBalancerFacts {
  return {
    id,
    name: `lab/default/${NAMES[id] ?? id}`,
    cluster: 'lab',
    namespace: 'default',
    addresses: [`10.9.100.${number}`],
    ports: [80],
    claims: ['TCP/80'],
    state: 'SERVING',
    message: '',
    targets: NODES.map((node) => `${node}:${30000 + number}`),
  };
}

export function service(uid: string, number: number): ServiceFacts {
  return {
    uid,
    name: `default/${NAMES[uid] ?? uid}`,
    resourceVersion: '1',
    isLoadBalancer: true,
    deleting: false,
    hasFinalizer: true,
    ingress: [`10.9.100.${number}`],
    ports: [80],
    nodePorts: [30000 + number],
    claims: ['TCP/80'],
    app: 'web',
    conditions: { Accepted: 'True', AddressAllocated: 'True', Programmed: 'True' },
  };
}

export function inside(addresses: readonly string[]): MachineInside {
  return { addresses, caught: Object.keys(ROUTES), file: ROUTES, running: ROUTES, haproxyPids: [1, 2] };
}

/** A site at rest with Services a and b, two machines, and nothing wrong. */
export const HEALTHY: Observation = {
  at: 1_000_000,
  site: {
    loadBalancers: [loadBalancer('uid-a', 1), loadBalancer('uid-b', 2)],
    pools: [{ name: 'default', total: 200, free: 198, held: 2, quarantined: 0, reserved: 0, sharing: 'namespace' }],
    machines: ['lb-1', 'lb-2'].map((name) => ({ name, connected: true, problem: '', lag: 0 })),
    anchors: ['10.9.1.29'],
    holdings: [
      { address: '10.9.100.1', id: 'uid-a', name: 'lab/default/a' },
      { address: '10.9.100.2', id: 'uid-b', name: 'lab/default/b' },
    ],
    rests: [],
  },
  services: [service('uid-a', 1), service('uid-b', 2)],
  machines: [
    { name: 'lb-1', addresses: ['10.9.1.1'], inside: inside(['10.9.1.1', '10.9.1.29', '10.9.100.1', '10.9.100.2']) },
    { name: 'lb-2', addresses: ['10.9.1.2'], inside: inside(['10.9.1.2']) },
  ],
  answers: [
    { address: '10.9.100.1', port: 80, by: 'web-1' },
    { address: '10.9.100.2', port: 80, by: 'web-2' },
  ],
};
