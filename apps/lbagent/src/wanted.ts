import {
  type Address,
  type AddressFamily,
  formatEndpoint,
  type MachineConfig,
  type MachineState,
  type NodeSet,
  type PlacedLoadBalancer,
  type Refusal,
  refusal,
} from '@fairlead/model';
import { CHECK_HEALTHZ, type NodeCheckChoice, nodeCheckOf } from './node-check-choice.ts';
import { type Reading, readLoadBalancer } from './wanted-load-balancer.ts';
import {
  type NodeCheck,
  nodeCheckKey,
  type Wanted,
  type WantedOptions,
  type WantedService,
  type WantedVip,
} from './wanted-types.ts';

export * from './wanted-types.ts';

/** What a machine's state asks of its data plane. One load balancer that cannot be served does not touch another. */
export function wantedOf(state: MachineState, options: WantedOptions): Wanted {
  return createWantedReader()(state, options);
}

/** As `wantedOf`, for states that follow each other: what did not change is the same object as the time before. */
export function createWantedReader(): typeof wantedOf {
  const cache = new WeakMap<PlacedLoadBalancer, Cached>();
  let ids: { readonly of: MachineState['loadBalancers']; readonly sorted: readonly string[] } | undefined;
  return (state, options) => {
    if (ids?.of !== state.loadBalancers)
      ids = { of: state.loadBalancers, sorted: [...state.loadBalancers.keys()].sort() };
    const readings = ids.sorted.map((id) => {
      const placed = state.loadBalancers.get(id)!;
      return { id, reading: cachedReading(placed, { state, options, cache }) };
    });
    return { ...putTogether(readings, ownAddresses(state)), heldChecks: heldChecks(state, options) };
  };
}

interface Cached {
  readonly config: MachineConfig;
  readonly families: readonly AddressFamily[];
  readonly nodeSet: NodeSet | undefined;
  readonly choice: NodeCheckChoice;
  readonly reading: Reading;
}

function cachedReading(
  placed: PlacedLoadBalancer,
  from: { state: MachineState; options: WantedOptions; cache: WeakMap<PlacedLoadBalancer, Cached> },
): Reading {
  const { cluster } = placed.loadBalancer;
  const { config, nodeSets } = from.state;
  const nodeSet = nodeSets.get(cluster);
  const choice = from.options.nodeChecks.get(cluster) ?? CHECK_HEALTHZ;
  const { families } = from.options;
  const known = from.cache.get(placed);
  if (known?.config === config && known.families === families && known.nodeSet === nodeSet && known.choice === choice) {
    return known.reading;
  }
  const reading = readLoadBalancer(placed, { config, families, nodeSet, choice });
  from.cache.set(placed, { config, families, nodeSet, choice, reading });
  return reading;
}

function putTogether(
  readings: readonly { readonly id: string; readonly reading: Reading }[],
  own: ReadonlySet<Address>,
): Omit<Wanted, 'heldChecks'> {
  const services = new Map<string, WantedService>();
  const nodeChecks = new Map<string, NodeCheck>();
  const vips = new Map<Address, WantedVip>();
  const refused = new Map<string, Refusal>();
  for (const { id, reading } of readings) {
    if ('refused' in reading) {
      refused.set(id, reading.refused);
      continue;
    }
    const against = conflict(reading, services, own);
    if (against) {
      refused.set(id, against);
      continue;
    }
    for (const service of reading.services) services.set(service.key, service);
    for (const vip of reading.vips) if (!vips.has(vip.address)) vips.set(vip.address, vip);
    for (const [key, check] of reading.nodeChecks) nodeChecks.set(key, check);
  }
  return { services, nodeChecks, vips, refused };
}

function heldChecks(state: MachineState, { heldClusters, nodeChecks }: WantedOptions): ReadonlySet<string> {
  const held = new Set<string>();
  for (const cluster of heldClusters) {
    const choice = nodeChecks.get(cluster) ?? CHECK_HEALTHZ;
    const addresses = state.nodeSets.get(cluster)?.nodes.flatMap((node) => node.addresses) ?? [];
    for (const check of addresses.map((address) => nodeCheckOf(address, choice)))
      if (check) held.add(nodeCheckKey(check));
  }
  return held;
}

/** What speaks against serving it beside those that are served already. */
function conflict(
  { services, backends }: Exclude<Reading, { refused: Refusal }>,
  taken: ReadonlyMap<string, WantedService>,
  own: ReadonlySet<Address>,
): Refusal | undefined {
  for (const { key, vip, port } of services) {
    const holder = taken.get(key);
    if (!holder) continue;
    const message = `${formatEndpoint(vip, port)} is served for ${holder.owner} already: choose another port or address`;
    return refusal('PORT_TAKEN', 'spec.ports', message);
  }
  const loop = [...backends].find((address) => own.has(address));
  if (loop === undefined) return undefined;
  return refusal('BACKEND_NOT_ALLOWED', '', `the backend ${loop} is an address of the load balancers: name another`);
}

/** A backend at one of these would be a loop. */
function ownAddresses(state: MachineState): ReadonlySet<Address> {
  const own = new Set<Address>();
  for (const member of state.config.members) own.add(member.address);
  for (const instance of state.config.vrrpInstances) own.add(instance.anchorAddress);
  for (const { addresses } of state.loadBalancers.values()) for (const { address } of addresses) own.add(address);
  return own;
}
