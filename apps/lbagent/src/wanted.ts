import { isCheckPath, mapKey, pickByRendezvous, PLAIN, type Profile, serverIds } from '@fairlead/haproxy';
import {
  type Address,
  displayName,
  familyOf,
  formatEndpoint,
  type AddressFamily,
  type LoadBalancer,
  type MachineState,
  type Node,
  type NodeSet,
  type PlacedAddress,
  type PlacedLoadBalancer,
  type Port,
  type Refusal,
  refusal,
  specialUse,
} from '@fairlead/model';
import { CHECK_HEALTHZ, HEALTHZ_PORT, type NodeCheckChoice } from './node-check-choice.ts';

/** What this machine's data plane should be, whoever owns the addresses. */
export interface Wanted {
  /** By map key (`VIP|port`). */
  readonly services: ReadonlyMap<string, WantedService>;
  /** By `nodeCheckKey`. */
  readonly nodeChecks: ReadonlyMap<string, NodeCheck>;
  readonly vips: readonly WantedVip[];
  readonly refused: ReadonlyMap<string, Refusal>;
}

export interface WantedService {
  readonly key: string;
  readonly loadBalancerId: string;
  readonly owner: string;
  readonly vip: Address;
  readonly port: number;
  readonly profile: Profile;
  readonly servers: readonly WantedServer[];
}

export interface WantedServer {
  /** Hash of all that HAProxy fixes when the server is made. */
  readonly id: number;
  /** Node or endpoint name. */
  readonly label: string;
  readonly address: Address;
  readonly port: number;
  readonly check: WantedCheck;
  /** Keeps the connections it has, gets no new ones. */
  readonly draining: boolean;
}

export type WantedCheck =
  | { readonly kind: 'none' }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'http'; readonly port: number }
  | { readonly kind: 'node'; readonly check: NodeCheck };

/** One check that all servers of a node share. */
export interface NodeCheck {
  readonly kind: 'healthz' | 'tcp';
  readonly address: Address;
  readonly port: number;
}

export interface WantedVip {
  readonly address: Address;
  readonly device: string;
  readonly vrrpInstance: string;
  readonly announce: boolean;
}

export interface WantedOptions {
  /** Families that this machine has a listener for. */
  readonly families: readonly AddressFamily[];
  /** By cluster; a cluster that is not there is asked by healthz. */
  readonly nodeChecks: ReadonlyMap<string, NodeCheckChoice>;
}

export function nodeCheckKey(check: NodeCheck): string {
  return `${check.kind} ${formatEndpoint(check.address, check.port)}`;
}

/** What a machine's state asks of its data plane. One load balancer that cannot be served does not touch another. */
export function wantedOf(state: MachineState, options: WantedOptions): Wanted {
  const services = new Map<string, WantedService>();
  const nodeChecks = new Map<string, NodeCheck>();
  const vips = new Map<Address, WantedVip>();
  const refused = new Map<string, Refusal>();
  const context = { state, options, taken: services, own: ownAddresses(state) };
  for (const id of [...state.loadBalancers.keys()].sort()) {
    const one = oneLoadBalancer(state.loadBalancers.get(id)!, context);
    if ('refused' in one) {
      refused.set(id, one.refused);
      continue;
    }
    for (const service of one.services) services.set(service.key, service);
    for (const vip of one.vips) vips.set(vip.address, vip);
    for (const check of one.services.flatMap(checksOf)) nodeChecks.set(nodeCheckKey(check), check);
  }
  return { services, nodeChecks, vips: [...vips.values()], refused };
}

interface Context {
  readonly state: MachineState;
  readonly options: WantedOptions;
  readonly taken: ReadonlyMap<string, WantedService>;
  /** Addresses of the load balancers themselves: a backend there would be a loop. */
  readonly own: ReadonlySet<Address>;
}

function ownAddresses(state: MachineState): ReadonlySet<Address> {
  const own = new Set<Address>();
  for (const member of state.config.members) own.add(member.address);
  for (const instance of state.config.vrrpInstances) own.add(instance.anchorAddress);
  for (const { addresses } of state.loadBalancers.values()) for (const { address } of addresses) own.add(address);
  return own;
}

type One =
  { readonly services: readonly WantedService[]; readonly vips: readonly WantedVip[] } | { readonly refused: Refusal };

function oneLoadBalancer(placed: PlacedLoadBalancer, context: Context): One {
  const vips: WantedVip[] = [];
  const services: WantedService[] = [];
  for (const placedAddress of placed.addresses) {
    const vip = placeVip(placedAddress, context);
    if ('refused' in vip) return vip;
    vips.push(vip.vip);
    for (const port of placed.loadBalancer.ports) {
      const service = oneService(placed.loadBalancer, port, placedAddress.address, context);
      if ('refused' in service) return service;
      services.push(service.service);
    }
  }
  return { services, vips };
}

function placeVip(placed: PlacedAddress, { state, options }: Context): { vip: WantedVip } | { refused: Refusal } {
  const { address, vrrpInstance } = placed;
  if (!options.families.includes(familyOf(address))) {
    return {
      refused: refusal('FAMILY_NOT_SERVED', '', `${address}: this machine serves ${options.families.join(', ')} only`),
    };
  }
  const network = state.config.networks.find((each) => each.network === placed.network);
  if (!network) {
    const message = `${address} is in network ${placed.network}, which has no interface here: add it to the Machine`;
    return { refused: refusal('NETWORK_NOT_ATTACHED', '', message) };
  }
  if (!state.config.vrrpInstances.some((each) => each.name === vrrpInstance)) {
    const message = `${address} belongs to VRRP instance ${vrrpInstance}, which this machine was not told of`;
    return { refused: refusal('VRRP_INSTANCE_UNKNOWN', '', message) };
  }
  return { vip: { address, vrrpInstance, device: network.device, announce: network.announce } };
}

function oneService(
  lb: LoadBalancer,
  port: Port,
  vip: Address,
  context: Context,
): { service: WantedService } | { refused: Refusal } {
  const key = mapKey(vip, port.port);
  const holder = context.taken.get(key);
  if (holder && holder.loadBalancerId !== lb.id) {
    const message = `${formatEndpoint(vip, port.port)} is served for ${holder.owner} already: choose another port or address`;
    return { refused: refusal('PORT_TAKEN', 'spec.ports', message) };
  }
  if (port.check.kind === 'http' && !isCheckPath(port.check.path)) {
    const message = `the check path ${JSON.stringify(port.check.path.slice(0, 80))} is not a plain URL path: change it`;
    return { refused: refusal('CHECK_PATH_INVALID', 'check.path', message) };
  }
  const backends = backendsOf(lb, port, vip, context);
  const why = (backend: Backend): string | undefined =>
    context.own.has(backend.address) ? 'is an address of the load balancers' : specialUse(backend.address);
  const wrong = backends.find((backend) => why(backend) !== undefined);
  if (wrong) {
    const message = `the backend ${wrong.label}: ${wrong.address} ${why(wrong)}: name another address`;
    return { refused: refusal('BACKEND_NOT_ALLOWED', '', message) };
  }
  const ids = serverIds(backends.map(definition));
  const profile: Profile = port.check.kind === 'http' ? { kind: 'http', path: port.check.path } : PLAIN;
  const servers = uniqueById(backends.map((backend, index) => ({ ...backend, id: ids[index]! })));
  return {
    service: { key, loadBalancerId: lb.id, owner: displayName(lb) || lb.id, vip, port: port.port, profile, servers },
  };
}

type Backend = Omit<WantedServer, 'id'>;

function backendsOf(lb: LoadBalancer, port: Port, vip: Address, context: Context): readonly Backend[] {
  const { target } = port;
  if (target.kind === 'endpoints') {
    const check = checkOf(port, undefined);
    return target.endpoints.map((endpoint) => ({
      label: endpoint.name,
      address: endpoint.address,
      port: endpoint.port,
      draining: endpoint.draining,
      check,
    }));
  }
  const nodeSet = context.state.nodeSets.get(lb.cluster);
  if (!nodeSet) return [];
  const choice = context.options.nodeChecks.get(lb.cluster) ?? CHECK_HEALTHZ;
  return eligibleNodes(nodeSet, target.nodes, lb.id).flatMap((node) => {
    const address = node.addresses.find((each) => familyOf(each) === familyOf(vip)) ?? node.addresses[0];
    if (address === undefined) return [];
    const check = checkOf(port, { address, choice });
    return [{ label: node.name, address, port: target.nodePort, draining: node.draining, check }];
  });
}

/**
 * `Local` names its nodes. `Cluster` takes at most maxBackends of the eligible ones; when none is eligible any more the
 * last answer is better than none, so all are taken. A draining node stays where it would have been chosen.
 */
function eligibleNodes(nodeSet: NodeSet, named: 'all' | readonly string[], key: string): readonly Node[] {
  const byName = new Map(nodeSet.nodes.map((node) => [node.name, node]));
  if (named !== 'all') {
    return [...new Set(named)].sort().flatMap((name) => {
      const node = byName.get(name);
      return node && (node.eligible || node.draining) ? [node] : [];
    });
  }
  const eligible = nodeSet.nodes.filter((node) => node.eligible && !node.draining);
  const active = eligible.length > 0 ? eligible : nodeSet.nodes.filter((node) => !node.draining);
  const draining = nodeSet.nodes.filter((node) => node.draining);
  const names = (nodes: readonly Node[]): string[] => nodes.map((node) => node.name);
  const chosen = pickByRendezvous(key, names(active), nodeSet.maxBackends);
  const before = pickByRendezvous(key, names([...active, ...draining]), nodeSet.maxBackends);
  const leaving = before.filter((name) => byName.get(name)!.draining);
  return [...chosen, ...leaving].map((name) => byName.get(name)!);
}

function checkOf(port: Port, node: { address: Address; choice: NodeCheckChoice } | undefined): WantedCheck {
  if (port.check.kind === 'tcp') return { kind: 'tcp' };
  if (port.check.kind === 'http') return { kind: 'http', port: port.check.port };
  // A backend that is not a node has nothing to share: it is asked itself.
  if (!node) return { kind: 'tcp' };
  const { address, choice } = node;
  if (choice.kind === 'none') return { kind: 'none' };
  if (choice.kind === 'healthz') return { kind: 'node', check: { kind: 'healthz', address, port: HEALTHZ_PORT } };
  return { kind: 'node', check: { kind: 'tcp', address, port: choice.port } };
}

function definition({ address, port, check }: Backend): string {
  const checked =
    check.kind === 'node' ? nodeCheckKey(check.check) : check.kind === 'http' ? `http ${check.port}` : check.kind;
  return `${formatEndpoint(address, port)} ${checked}`;
}

// Two names for one address and port are one server; it drains when both do.
function uniqueById(servers: readonly WantedServer[]): readonly WantedServer[] {
  const byId = new Map<number, WantedServer>();
  for (const server of servers) {
    const other = byId.get(server.id);
    byId.set(server.id, other ? { ...other, draining: other.draining && server.draining } : server);
  }
  return [...byId.values()].sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : a.id - b.id));
}

function checksOf(service: WantedService): readonly NodeCheck[] {
  return service.servers.flatMap((server) => (server.check.kind === 'node' ? [server.check.check] : []));
}
