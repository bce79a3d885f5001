import { poolContaining } from '@fairlead/ipam';
import type {
  LoadBalancer,
  MachineConfig,
  MachineState,
  Member,
  NodeSet,
  PlacedLoadBalancer,
  VrrpInstance,
} from '@fairlead/model';
import { changedMap, compareAddresses } from '@fairlead/model';
import { admitNode, admitPorts } from './backends.ts';
import { setOf } from './truth/declared.ts';
import { isEqual } from './equal.ts';
import { poolsOf } from './decisions/grant.ts';
import type { MachineResource } from './resources/types.ts';
import { compareText, machinesOf } from './truth/site.ts';
import type { HeldLoadBalancer, Truth } from './truth/truth.ts';

/** What all machines of one set share. */
export interface SetState {
  readonly members: readonly Member[];
  readonly vrrpInstances: readonly VrrpInstance[];
  readonly nodeSets: ReadonlyMap<string, NodeSet>;
  readonly loadBalancers: ReadonlyMap<string, PlacedLoadBalancer>;
}

/** What was placed before under the same resources. `nodes`: those that it was placed with, where they matter. */
export type Placed = WeakMap<HeldLoadBalancer, { readonly placed: PlacedLoadBalancer; readonly nodes?: Nodes }>;
type Nodes = Truth['nodes'] extends ReadonlyMap<string, infer T> ? T : never;

/** The state of this machine; undefined: it is not declared. `shared` is its set's. PURE. */
export function planMachine(truth: Truth, name: string, shared: SetState): MachineState | undefined {
  const machine = truth.site.machines.get(name);
  if (machine === undefined) return undefined;
  return { config: configOf(machine, truth, shared), nodeSets: shared.nodeSets, loadBalancers: shared.loadBalancers };
}

/**
 * What the machines of a set should serve: the same whatever order the truth came in.
 * `placed` remembers load balancers that were placed before under the same resources. PURE.
 */
export function planSet(truth: Truth, set: string, placed: Placed = new WeakMap()): SetState {
  const members = machinesOf(truth.site, set).map(({ name, spec }) => ({ name, address: spec.agentAddress }));
  return {
    members,
    vrrpInstances: vrrpInstancesOf(truth, set, members),
    nodeSets: nodeSetsOf(truth, set),
    loadBalancers: loadBalancersOf(truth, set, placed),
  };
}

/** `planSet` after a change of these load balancers and of nothing else; `before`: what it gave then. PURE. */
export function replanSet(
  before: SetState,
  truth: Truth,
  { set, ids, placed }: { readonly set: string; readonly ids: ReadonlySet<string>; readonly placed: Placed },
): SetState {
  const changes = new Map([...ids].map((id) => [id, placedOf(id, truth, { set, placed })]));
  return { ...before, loadBalancers: changedMap(before.loadBalancers, changes) };
}

function configOf({ name, spec }: MachineResource, { site }: Truth, shared: SetState): MachineConfig {
  const networks = spec.interfaces.flatMap(({ network, device }) => {
    const resource = site.networks.get(network);
    if (resource === undefined) return [];
    const { subnetTexts, gateways, announce } = resource.spec;
    return [{ network, device, subnets: subnetTexts, gateways, announce: announce === 'arp' }];
  });
  return {
    machine: name,
    loadBalancerSet: spec.loadBalancerSet,
    members: shared.members,
    vrrpInstances: shared.vrrpInstances,
    networks: networks.sort((a, b) => compareText(a.network, b.network)),
  };
}

function vrrpInstancesOf(truth: Truth, set: string, members: readonly Member[]): readonly VrrpInstance[] {
  const record = truth.sets.get(set);
  const resource = truth.site.sets.get(set);
  if (record === undefined || resource === undefined) return [];
  return [
    {
      name: vrrpInstanceOf(set),
      virtualRouterId: record.virtualRouterId,
      anchorAddress: record.anchorAddress,
      network: record.network,
      advertIntervalMs: resource.spec.advertIntervalMs,
      priorities: prioritiesOf(members.map(({ name }) => name)),
    },
  ];
}

/** The VRRP instance that carries a set's addresses. PURE. */
export function vrrpInstanceOf(set: string): string {
  return set;
}

/** 250, 225, 200 … in the order given; closer together when there are more than eight. PURE. */
export function prioritiesOf(members: readonly string[]): Readonly<Record<string, number>> {
  const step = Math.min(25, Math.floor(249 / Math.max(1, members.length)));
  return Object.fromEntries(members.map((name, index) => [name, 250 - step * index]));
}

function nodeSetsOf(truth: Truth, set: string): ReadonlyMap<string, NodeSet> {
  const clusters = [...truth.site.clusters.values()].filter(({ spec }) => spec.loadBalancerSet === set);
  return new Map(
    clusters.map(({ name, spec }) => {
      const nodes = [...(truth.nodes.get(name)?.values() ?? [])]
        .map((node) => admitNode(node, name, truth).node)
        .filter(({ addresses }) => addresses.length > 0)
        .sort((a, b) => compareText(a.name, b.name));
      const { maxBackends, nodeCheck, podRoutes } = spec;
      return [name, { cluster: name, nodes, maxBackends, check: nodeCheck, podRoutes: podRoutes === 'static' }];
    }),
  );
}

function loadBalancersOf(truth: Truth, set: string, placed: Placed): ReadonlyMap<string, PlacedLoadBalancer> {
  const result = new Map<string, PlacedLoadBalancer>();
  if (!truth.sets.has(set)) return result;
  for (const id of [...truth.loadBalancers.keys()].sort()) {
    const now = placedOf(id, truth, { set, placed });
    if (now !== undefined) result.set(id, now);
  }
  return result;
}

/** Undefined: this set does not serve it. */
function placedOf(
  id: string,
  truth: Truth,
  { set, placed }: { readonly set: string; readonly placed: Placed },
): PlacedLoadBalancer | undefined {
  const held = truth.loadBalancers.get(id);
  if (held?.served === undefined || setOf(held.served, truth.site) !== set) return undefined;
  const before = placed.get(held);
  const nodes = nodesThatMatter(held.served, truth);
  if (before !== undefined && before.nodes === nodes) return before.placed;
  const now = place(held, truth, set);
  if (now === undefined) return undefined;
  const same = before !== undefined && isEqual(before.placed, now) ? before.placed : now;
  placed.set(held, nodes === undefined ? { placed: same } : { placed: same, nodes });
  return same;
}

/** Where pods are reached through their nodes, which of them may be reached follows from the nodes. */
function nodesThatMatter({ backendMode, cluster }: LoadBalancer, { site, nodes }: Truth): Nodes | undefined {
  const isRouted = backendMode === 'pod' && site.clusters.get(cluster)?.spec.podRoutes === 'static';
  return isRouted ? nodes.get(cluster) : undefined;
}

function place({ served }: HeldLoadBalancer, truth: Truth, set: string): PlacedLoadBalancer | undefined {
  if (served === undefined) return undefined;
  const pools = poolsOf(truth.site);
  const addresses = [...truth.book.addressesOf(served.id)].sort(compareAddresses).flatMap((address) => {
    const network = poolContaining(pools, address)?.network;
    return network === undefined ? [] : [{ address, network, vrrpInstance: vrrpInstanceOf(set) }];
  });
  if (addresses.length === 0) return undefined;
  // Labels choose pools; a change of them is nothing to a machine.
  const drainTimeoutMs = truth.site.clusters.get(served.cluster)?.spec.drainTimeoutMs;
  const loadBalancer: LoadBalancer = {
    ...served,
    ports: admitPorts(served, truth).ports,
    labels: {},
    namespaceLabels: {},
    ...(drainTimeoutMs === undefined ? {} : { drainTimeoutMs }),
  };
  return { loadBalancer, addresses };
}
