import {
  type Address,
  address,
  ALGORITHMS,
  type Endpoint,
  type LoadBalancer,
  type MachineState,
  type Node,
  type PlacedLoadBalancer,
  type Port,
  type Target,
} from '@fairlead/model';
import * as fc from 'fast-check';
import type { WantedOptions } from '../wanted/wanted.ts';
import { node, nodePort, nodeSet, placed, stateOf } from './example.ts';

/** Anything that a machine may be asked to serve, small enough to meet itself again and again. */

const NODES = ['node-1', 'node-2', 'node-3', 'node-4'];
const FOUR = address('10.9.0.150');
const SIX = address('fd09::150');
const OTHER_FOUR = address('10.9.0.151');
const OTHER_SIX = address('fd09::151');

const someNode: fc.Arbitrary<Node> = fc
  .record({
    name: fc.constantFrom(...NODES),
    has: fc.constantFrom('ipv4', 'ipv6', 'both'),
    eligible: fc.boolean(),
    draining: fc.boolean(),
  })
  .map(({ name, has, ...change }) => {
    const last = name.slice(-1);
    const four = has === 'ipv6' ? [] : [address(`10.8.0.${last}`)];
    const six = has === 'ipv4' ? [] : [address(`fd08::${last}`)];
    return node(name, { ...change, addresses: [...four, ...six] });
  });

const endpoint: fc.Arbitrary<Endpoint> = fc
  .record({
    pod: fc.constantFrom('1', '2', '3'),
    six: fc.boolean(),
    draining: fc.boolean(),
    node: fc.constantFrom(...NODES),
  })
  .map(({ pod, six, draining, node: on }) => ({
    name: six ? `pod-${pod}.ipv6` : `pod-${pod}`,
    address: address(six ? `fd10::${pod}` : `10.200.0.${pod}`),
    port: 8080,
    draining,
    node: on,
  }));

type PortPart = Pick<Port, 'target' | 'check'>;

const cluster: fc.Arbitrary<PortPart> = fc.record({
  target: fc.constant<Target>({ kind: 'node-port', nodePort: 30_080, nodes: 'all' }),
  check: fc.constantFrom<Port['check']>(
    { kind: 'node' },
    { kind: 'tcp' },
    { kind: 'http', port: 0, path: '/ready', expectedStatus: 204 },
  ),
});

const local: fc.Arbitrary<PortPart> = fc
  .record({ nodes: fc.subarray(NODES), ending: fc.subarray(NODES), lastResort: fc.boolean() })
  .map(({ nodes, ending, lastResort }) => ({
    target: {
      kind: 'node-port',
      nodePort: 30_080,
      nodes,
      drainingNodes: ending.filter((name) => !nodes.includes(name)),
      ...(lastResort ? { lastResort } : {}),
    },
    check: { kind: 'http', port: 32_000, path: '/healthz' },
  }));

const pods: fc.Arbitrary<PortPart> = fc
  .uniqueArray(endpoint, { maxLength: 4, selector: ({ name }) => name })
  .map((endpoints) => ({ target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } }));

const port: fc.Arbitrary<Port> = fc
  .record({
    number: fc.integer({ min: 80, max: 83 }),
    protocol: fc.constantFrom('TCP' as const, 'TCP' as const, 'UDP' as const),
    part: fc.oneof(cluster, local, pods),
    proxyProtocol: fc.constantFrom(undefined, undefined, 1 as const, 2 as const),
  })
  .map(({ number, protocol, part, proxyProtocol }) => {
    const told = protocol === 'TCP' && proxyProtocol !== undefined ? { proxyProtocol } : {};
    return nodePort(number, { protocol, ...part, ...told });
  });

const options: fc.Arbitrary<LoadBalancer['options']> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({ algorithm: fc.constantFrom(...ALGORITHMS) }),
  },
  { weight: 1, arbitrary: fc.constantFrom<LoadBalancer['options']>({ serverTimeoutMs: 1_000 }, { maxConnections: 5 }) },
  {
    weight: 1,
    arbitrary: fc.record({
      maxConnections: fc.constantFrom(1, 2),
      checkPace: fc.constantFrom({ intervalMs: 500, rise: 1, fall: 2 }, { intervalMs: 5_000, rise: 2, fall: 3 }),
    }),
  },
);

const sourceRanges = fc.option(fc.subarray(['10.0.0.0/8', '192.0.2.0/24', 'fd00::/8', '0.0.0.0/0'], { minLength: 1 }), {
  nil: undefined,
  freq: 2,
});

const vips = fc.constantFrom<readonly Address[]>([FOUR], [SIX], [FOUR, SIX], [OTHER_FOUR], [OTHER_SIX, OTHER_FOUR]);

const loadBalancer: fc.Arbitrary<PlacedLoadBalancer> = fc
  .record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    vips,
    ports: fc.uniqueArray(port, { maxLength: 3, selector: (each) => `${each.port}/${each.protocol}` }),
    options,
    affinity: fc.option(fc.constantFrom({ timeoutSeconds: 60 }, { timeoutSeconds: 600 }), { nil: undefined, freq: 2 }),
    sourceRanges,
    isPodMode: fc.boolean(),
    drainTimeoutMs: fc.constantFrom(undefined, 5_000),
  })
  .map(({ id, vips: some, ports, isPodMode, ...rest }) => {
    const families = some.map((vip) => (vip.includes(':') ? ('ipv6' as const) : ('ipv4' as const)));
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const change: Partial<LoadBalancer> = { families, ...given, ...(isPodMode ? { backendMode: 'pod' } : {}) };
    return placed(id, some, ports, change);
  });

/** A machine's state, and how it looks at it. */
export interface Truth {
  readonly state: MachineState;
  readonly options: WantedOptions;
}

const FAMILIES = ['ipv4', 'ipv6'] as const;

/** Ports of both protocols and families, of nodes and pods, with options, affinity, limits and PROXY protocol. */
export const truth: fc.Arbitrary<Truth> = fc
  .record({
    loadBalancers: fc.uniqueArray(loadBalancer, { maxLength: 4, selector: (each) => each.loadBalancer.id }),
    nodes: fc.uniqueArray(someNode, { maxLength: 4, selector: ({ name }) => name }),
    maxBackends: fc.constantFrom(2, 16),
    check: fc.constantFrom(undefined, { kind: 'none' } as const, { kind: 'node-port', port: 30_080 } as const),
    isHeld: fc.boolean(),
  })
  .map(({ loadBalancers, nodes, maxBackends, check, isHeld }) => ({
    state: stateOf(loadBalancers, nodeSet(nodes, { maxBackends })),
    options: {
      families: FAMILIES,
      nodeChecks: new Map(check ? [['prod', check]] : []),
      heldClusters: new Set(isHeld ? ['prod'] : []),
    },
  }));

/** The same, told in another order; the ports and addresses of a load balancer have one of their own. */
export function reversed({ state, options: read }: Truth): Truth {
  const turn = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => new Map([...map].toReversed());
  const nodeSets = [...state.nodeSets].map(([name, set]) => [name, { ...set, nodes: set.nodes.toReversed() }] as const);
  const loadBalancers = [...state.loadBalancers].map(
    ([id, each]) => [id, { ...each, loadBalancer: turned(each.loadBalancer) }] as const,
  );
  return {
    options: { ...read, nodeChecks: turn(read.nodeChecks) },
    state: {
      ...state,
      config: { ...state.config, members: state.config.members.toReversed() },
      nodeSets: turn(new Map(nodeSets)),
      loadBalancers: turn(new Map(loadBalancers)),
    },
  };
}

function turned(lb: LoadBalancer): LoadBalancer {
  const ports = lb.ports.map((each) => ({ ...each, target: turnedTarget(each.target) }));
  return { ...lb, ports, ...(lb.sourceRanges ? { sourceRanges: lb.sourceRanges.toReversed() } : {}) };
}

function turnedTarget(target: Target): Target {
  if (target.kind === 'endpoints') return { ...target, endpoints: target.endpoints.toReversed() };
  const { nodes, drainingNodes } = target;
  return {
    ...target,
    ...(nodes === 'all' ? {} : { nodes: nodes.toReversed() }),
    ...(drainingNodes ? { drainingNodes: drainingNodes.toReversed() } : {}),
  };
}
