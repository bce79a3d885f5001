import {
  type Address,
  type AddressFamily,
  familyOf,
  formatEndpoint,
  type MachineConfig,
  type MachineState,
  type NodeSet,
  type PlacedLoadBalancer,
  type Refusal,
  refusal,
} from '@fairlead/model';
import { CHECK_HEALTHZ, checkGroup, type NodeCheckChoices, nodeCheckOf } from '../node-checks/choice.ts';
import { type Reading, readLoadBalancer } from './load-balancer.ts';
import { carryOn, changedIds, type Served, type Tally, tallyOf } from './tally.ts';
import {
  DEFAULT_PEERS_PORT,
  type NodeCheck,
  nodeCheckKey,
  type Wanted,
  type WantedOptions,
  type WantedService,
  type WantedVip,
} from './types.ts';
import { peersOf } from './options.ts';

export * from './types.ts';

/** What a machine's state asks of its data plane. One load balancer that cannot be served does not touch another. */
export function wantedOf(state: MachineState, options: WantedOptions): Wanted {
  return createWantedReader()(state, options);
}

/** More than so many load balancers that changed at once are read with all others. */
const FEW = 200;

interface Last {
  readonly state: MachineState;
  readonly options: WantedOptions;
  readonly wanted: Wanted;
  readonly tally: Tally;
}

/**
 * As `wantedOf`, for states that follow each other: what did not change is the same object as the time before, and a few
 * load balancers that did cost no reading of all.
 */
export function createWantedReader(): typeof wantedOf {
  const cache = new WeakMap<PlacedLoadBalancer, Cached>();
  let last: Last | undefined;
  return (state, options) => {
    const carriedOn = last && readOn(last, state, options, cache);
    if (last && carriedOn) {
      last = { ...last, state, wanted: carriedOn };
      return carriedOn;
    }
    const readings = [...state.loadBalancers.keys()].sort().map((id) => {
      const placed = state.loadBalancers.get(id)!;
      return { id, reading: cachedReading(placed, { state, options, cache }) };
    });
    const parts = putTogether(readings, ownAddresses(state));
    const peers = peersOf(state.config, options.peersPort ?? DEFAULT_PEERS_PORT);
    const wanted = { ...parts, peers, heldChecks: heldChecks(state, options) };
    const tally = parts.refused.size > 0 ? undefined : tallyOf(readings);
    last = tally && { state, options, wanted, tally };
    return wanted;
  };
}

/** Undefined when all must be read. */
function readOn(
  { state: before, options: beforeOptions, wanted, tally }: Last,
  state: MachineState,
  options: WantedOptions,
  cache: WeakMap<PlacedLoadBalancer, Cached>,
): Wanted | undefined {
  const same =
    before.config === state.config &&
    sameValues(before.nodeSets, state.nodeSets) &&
    sameOptions(beforeOptions, options);
  const ids = same ? changedIds(before.loadBalancers, state.loadBalancers, FEW) : undefined;
  if (!ids) return undefined;
  const after = new Map<string, Served | undefined>();
  for (const id of ids) {
    const placed = state.loadBalancers.get(id);
    const reading = placed && cachedReading(placed, { state, options, cache });
    if (reading && ('refused' in reading || reading.partly)) return undefined;
    after.set(id, reading);
  }
  const parts = carryOn(wanted, tally, after, machineAddresses(state));
  return parts && { ...wanted, ...parts };
}

function sameOptions(a: WantedOptions, b: WantedOptions): boolean {
  return (
    a.families === b.families &&
    a.peersPort === b.peersPort &&
    sameValues(a.nodeChecks, b.nodeChecks) &&
    [...a.heldClusters].sort().join() === [...b.heldClusters].sort().join()
  );
}

function sameValues<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

interface Cached {
  readonly config: MachineConfig;
  readonly families: readonly AddressFamily[];
  readonly nodeSet: NodeSet | undefined;
  readonly choices: NodeCheckChoices;
  readonly reading: Reading;
}

function cachedReading(
  placed: PlacedLoadBalancer,
  from: { state: MachineState; options: WantedOptions; cache: WeakMap<PlacedLoadBalancer, Cached> },
): Reading {
  const { cluster } = placed.loadBalancer;
  const { config, nodeSets } = from.state;
  const nodeSet = nodeSets.get(cluster);
  const choices = choicesOf(cluster, from.options);
  const { families } = from.options;
  const known = from.cache.get(placed);
  const isSame = known?.config === config && known.families === families && known.nodeSet === nodeSet;
  if (isSame && known.choices.ipv4 === choices.ipv4 && known.choices.ipv6 === choices.ipv6) return known.reading;
  const reading = readLoadBalancer(placed, { config, families, nodeSet, choices });
  from.cache.set(placed, { config, families, nodeSet, choices, reading });
  return reading;
}

function choicesOf(cluster: string, { nodeChecks }: Pick<WantedOptions, 'nodeChecks'>): NodeCheckChoices {
  const choice = (family: AddressFamily) => nodeChecks.get(checkGroup(cluster, family)) ?? CHECK_HEALTHZ;
  return { ipv4: choice('ipv4'), ipv6: choice('ipv6') };
}

function putTogether(
  readings: readonly { readonly id: string; readonly reading: Reading }[],
  own: ReadonlySet<Address>,
): Omit<Wanted, 'heldChecks' | 'peers'> {
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
    if (reading.partly) refused.set(id, reading.partly);
    for (const service of reading.services) services.set(service.key, service);
    for (const vip of reading.vips) if (!vips.has(vip.address)) vips.set(vip.address, vip);
    for (const [key, check] of reading.nodeChecks) nodeChecks.set(key, check);
  }
  return { services, nodeChecks, vips, refused };
}

function heldChecks(state: MachineState, options: WantedOptions): ReadonlySet<string> {
  const held = new Set<string>();
  for (const [cluster, { nodes }] of state.nodeSets) {
    const choices = choicesOf(cluster, options);
    for (const address of nodes.flatMap((node) => node.addresses)) {
      const family = familyOf(address);
      if (!options.heldClusters.has(checkGroup(cluster, family))) continue;
      const check = nodeCheckOf(address, choices[family]);
      if (check) held.add(nodeCheckKey(check));
    }
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

function machineAddresses({ config }: MachineState): Set<Address> {
  return new Set([
    ...config.members.map((member) => member.address),
    ...config.vrrpInstances.map((instance) => instance.anchorAddress),
  ]);
}

/** A backend at one of these would be a loop. */
function ownAddresses(state: MachineState): ReadonlySet<Address> {
  const own = machineAddresses(state);
  for (const { addresses } of state.loadBalancers.values()) for (const { address } of addresses) own.add(address);
  return own;
}
