import { mapKey, serverIds } from '@fairlead/haproxy';
import {
  type Address,
  type AddressFamily,
  allowedSources,
  displayName,
  familyOf,
  familyText,
  formatEndpoint,
  isCheckPath,
  type LoadBalancer,
  type MachineConfig,
  type PlacedAddress,
  type PlacedLoadBalancer,
  type Port,
  type Refusal,
  refusal,
  specialUse,
} from '@fairlead/model';
import { type Backend, backendsOf, type KnownNodes } from './backends.ts';
import { profileOf, quotaOf, spreadOf } from './options.ts';
import {
  type NodeCheck,
  nodeCheckKey,
  type Stage,
  type WantedServer,
  type WantedService,
  type WantedVip,
} from './types.ts';

/** What one load balancer by itself asks of this machine. */
export type Reading =
  | {
      readonly services: readonly WantedService[];
      readonly vips: readonly WantedVip[];
      /** By `nodeCheckKey`. */
      readonly nodeChecks: ReadonlyMap<string, NodeCheck>;
      /** Where its backends are. */
      readonly backends: ReadonlySet<Address>;
      /** Why one of its addresses is left out; the others are served. */
      readonly partly?: Refusal;
    }
  | { readonly refused: Refusal };

/** All that a reading depends on besides the load balancer. */
export interface Surroundings extends KnownNodes {
  readonly config: MachineConfig;
  readonly families: readonly AddressFamily[];
}

export function readLoadBalancer(placed: PlacedLoadBalancer, around: Surroundings): Reading {
  const vips: WantedVip[] = [];
  const services: WantedService[] = [];
  const strange = placed.addresses.find(({ address }) => !around.families.includes(familyOf(address)));
  const partly = strange && familyNotServed(strange.address);
  const served = placed.addresses.filter(({ address }) => around.families.includes(familyOf(address)));
  if (partly !== undefined && served.length === 0) return { refused: partly };
  for (const placedAddress of served) {
    const vip = placeVip(placedAddress, around);
    if ('refused' in vip) return vip;
    vips.push(vip.vip);
    for (const port of placed.loadBalancer.ports) {
      const service = oneService(placed.loadBalancer, port, placedAddress.address, around);
      if ('refused' in service) return service;
      services.push(service.service);
    }
  }
  const servers = services.flatMap((service) => service.servers);
  const checks = servers.flatMap(({ check }) => (check.kind === 'node' ? [check.check] : []));
  const nodeChecks = new Map(checks.map((check) => [nodeCheckKey(check), check]));
  const backends = new Set(servers.map((server) => server.address));
  return { services, vips, nodeChecks, backends, ...(partly && { partly }) };
}

function familyNotServed(address: Address): Refusal {
  const family = familyText(familyOf(address));
  const message = `${address}: the kernel of this machine has no ${family}: boot it with ${family}, and see that the loopback link has its address (sysctl net.ipv6.conf.lo.disable_ipv6)`;
  return refusal('FAMILY_NOT_SERVED', '', message);
}

function placeVip(placed: PlacedAddress, { config }: Surroundings): { vip: WantedVip } | { refused: Refusal } {
  const { address, vrrpInstance } = placed;
  const network = config.networks.find((each) => each.network === placed.network);
  if (!network) {
    const message = `${address} is in network ${placed.network}, which has no interface here: add it to the Machine`;
    return { refused: refusal('NETWORK_NOT_ATTACHED', '', message) };
  }
  if (!config.vrrpInstances.some((each) => each.name === vrrpInstance)) {
    const message = `${address} belongs to VRRP instance ${vrrpInstance}, which this machine was not told of`;
    return { refused: refusal('VRRP_INSTANCE_UNKNOWN', '', message) };
  }
  return { vip: { address, vrrpInstance, device: network.device, announce: network.announce } };
}

function oneService(
  lb: LoadBalancer,
  port: Port,
  vip: Address,
  around: Surroundings,
): { service: WantedService } | { refused: Refusal } {
  if (port.check.kind === 'http' && !isCheckPath(port.check.path)) {
    const message = `the check path ${JSON.stringify(port.check.path.slice(0, 80))} is not a plain URL path: change it`;
    return { refused: refusal('CHECK_PATH_INVALID', 'check.path', message) };
  }
  const backends = backendsOf(lb, port, vip, around);
  const wrong = backends.find((backend) => specialUse(backend.address) !== undefined);
  if (wrong) {
    const message = `the backend ${wrong.label}: ${wrong.address} ${specialUse(wrong.address)}: name another address`;
    return { refused: refusal('BACKEND_NOT_ALLOWED', '', message) };
  }
  const proxied = port.proxyProtocol ? { proxyProtocol: port.proxyProtocol } : {};
  const ids = serverIds(backends.map((backend) => definition({ ...backend, ...proxied })));
  const profile = profileOf(lb, port);
  const servers = uniqueById(backends.map((backend, index) => ({ ...backend, ...proxied, id: ids[index]! })));
  const key = mapKey(vip, port.port, port.protocol);
  const owner = displayName(lb) || lb.id;
  const drain = lb.drainTimeoutMs === undefined ? {} : { drainSeconds: Math.ceil(lb.drainTimeoutMs / 1000) };
  const allowed = lb.sourceRanges && allowedSources(lb.sourceRanges, familyOf(vip));
  const limit = allowed ? { allowed } : {};
  const quota = port.protocol === 'UDP' ? {} : quotaOf(lb);
  const rest = { protocol: port.protocol, profile, ...spreadOf(lb, port), servers, ...drain, ...limit, ...quota };
  return { service: { key, loadBalancerId: lb.id, owner, vip, port: port.port, ...rest } };
}

function definition({ address, port, check, proxyProtocol }: Backend): string {
  const checked =
    check.kind === 'node' ? nodeCheckKey(check.check) : check.kind === 'http' ? `http ${check.port}` : check.kind;
  const pace = check.kind === 'tcp' || check.kind === 'http' ? check.pace : undefined;
  const paced = pace ? ` every ${pace.intervalMs} ${pace.rise} ${pace.fall}` : '';
  return `${formatEndpoint(address, port)} ${checked}${paced}${proxyProtocol ? ` proxy ${proxyProtocol}` : ''}`;
}

// Two names for one address and port are one server; it drains when both do.
const STAGES: readonly Stage[] = ['serving', 'awaited', 'draining', 'leaving'];
function uniqueById(servers: readonly WantedServer[]): readonly WantedServer[] {
  const byId = new Map<number, WantedServer>();
  for (const server of servers) {
    const other = byId.get(server.id);
    const stage = other && STAGES.indexOf(other.stage) < STAGES.indexOf(server.stage) ? other.stage : server.stage;
    byId.set(server.id, other ? { ...other, stage } : server);
  }
  return [...byId.values()].sort((a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : a.id - b.id));
}
