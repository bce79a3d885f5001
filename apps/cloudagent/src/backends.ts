import { formatRange, parseCidr, rangeContains, rangesOverlap, refusal, specialUse } from '@fairlead/model';
import type { Address, AddressRange, Endpoint, LoadBalancer, Node, Port, Refusal } from '@fairlead/model';
import type { Truth } from './truth/truth.ts';

/** What is needed to say whether an address may be a backend. */
export type BackendRules = Pick<Truth, 'site' | 'sets' | 'nodes'>;

export interface RefusedBackend {
  /** Node or endpoint. */
  readonly name: string;
  readonly refusal: Refusal;
}

/**
 * Why an LB machine must not connect to this address for this cluster (empty: a static load balancer), or undefined.
 * Whoever may write a Node or an EndpointSlice must not aim a machine at itself, at a VIP, or at another cluster. PURE.
 */
export function judgeBackend(
  address: Address,
  cluster: string,
  kind: 'node' | 'endpoint',
  rules: BackendRules,
): Refusal | undefined {
  const special = specialUse(address);
  if (special !== undefined) return refuse(`${address} ${special}: a backend has an address of its own`);
  for (const { name, spec } of rules.site.machines.values()) {
    if (spec.agentAddress === address) return refuse(`${address} is LB machine ${name} itself: name another backend`);
  }
  for (const [set, { anchorAddress }] of rules.sets) {
    if (anchorAddress === address) return refuse(`${address} is the VRRP address of load balancer set ${set}`);
  }
  for (const { name, spec } of rules.site.vipPools.values()) {
    const isVip = includes(spec.ranges, address) && !includes(spec.exclude, address);
    if (isVip) return refuse(`${address} is an address of VipPool ${name}: exclude it there if it is not a VIP`);
  }
  return cluster === '' ? undefined : judgeRanges(address, cluster, kind, rules);
}

function judgeRanges(address: Address, cluster: string, kind: 'node' | 'endpoint', { site }: BackendRules) {
  const spec = site.clusters.get(cluster)?.spec;
  if (spec === undefined) return refuse(`there is no Cluster ${cluster}: declare it first`);
  const isNode = includes(spec.nodeCidrs, address);
  if (isNode || (kind === 'endpoint' && includes(spec.podCidrs, address))) return undefined;
  const where = kind === 'node' ? 'nodeCIDRs' : 'nodeCIDRs and podCIDRs';
  return refuse(`${address} is outside the ${where} of Cluster ${cluster}: widen them if it belongs to the cluster`);
}

function includes(ranges: readonly AddressRange[], address: Address): boolean {
  return ranges.some((range) => rangeContains(range, address));
}

function refuse(message: string): Refusal {
  return refusal('BACKEND_REFUSED', '', message);
}

/** The node with the addresses and pod ranges that may be used, and why not the others. PURE. */
export function admitNode(node: Node, cluster: string, rules: BackendRules): { node: Node; refused?: Refusal } {
  const judged = node.addresses.map((address) => ({ address, why: judgeBackend(address, cluster, 'node', rules) }));
  const addresses = judged.filter(({ why }) => why === undefined).map(({ address }) => address);
  const podCidrs = node.podCidrs.filter((cidr) => judgePodRange(cidr, cluster, rules) === undefined);
  const rangeWhy = isRouting(cluster, rules)
    ? node.podCidrs.map((cidr) => judgePodRange(cidr, cluster, rules)).find((why) => why !== undefined)
    : undefined;
  const refused = judged.find(({ why }) => why !== undefined)?.why ?? rangeWhy;
  const isWhole = addresses.length === node.addresses.length && podCidrs.length === node.podCidrs.length;
  const admitted = isWhole ? node : { ...node, addresses, podCidrs };
  return refused === undefined ? { node: admitted } : { node: admitted, refused };
}

function isRouting(cluster: string, { site }: BackendRules): boolean {
  return site.clusters.get(cluster)?.spec.podRoutes === 'static';
}

/** Why machines must not route this range through a node: whoever may write a Node must not draw other traffic to it. */
function judgePodRange(text: string, cluster: string, { site }: BackendRules): Refusal | undefined {
  const parsed = parseCidr(text);
  if (!parsed.ok) return refuse(`the pod range ${parsed.error}`);
  const ranges = site.clusters.get(cluster)?.spec.podCidrs ?? [];
  const { family, first, last } = parsed.value;
  const isInside = ranges.some((range) => range.family === family && range.first <= first && last <= range.last);
  if (!isInside)
    return refuse(
      `the pod range ${text} is outside the podCIDRs of Cluster ${cluster}: widen them if it belongs to it`,
    );
  for (const { name, spec } of site.networks.values()) {
    const subnet = spec.subnets.find((each) => rangesOverlap(each, parsed.value));
    if (subnet)
      return refuse(`the pod range ${text} overlaps ${formatRange(subnet)} of Network ${name}: change one of them`);
  }
  return undefined;
}

/**
 * Why the machines have no way to the pods of a load balancer that wants to reach them directly, or undefined when they
 * have, or it does not. PURE.
 */
export function judgeBackendMode(
  { backendMode, cluster }: LoadBalancer,
  { site }: Pick<Truth, 'site'>,
): Refusal | undefined {
  const spec = site.clusters.get(cluster)?.spec;
  if (backendMode !== 'pod' || spec === undefined || spec.podCidrs.length > 0) return undefined;
  const message =
    `pods cannot be reached directly: Cluster ${cluster} declares no podCIDRs, so the LB machines have no way to them; ` +
    'declare podCIDRs (and podRoutes), or use node ports: remove the annotation fairlead.dev/backend-mode and set spec.allocateLoadBalancerNodePorts to true';
  return refusal(NO_WAY_TO_PODS, 'metadata.annotations[fairlead.dev/backend-mode]', message);
}

const NO_WAY_TO_PODS = 'POD_MODE_NOT_ROUTED';

/** The ports with the endpoints that may be used, and why not the others. PURE. */
export function admitPorts(
  loadBalancer: LoadBalancer,
  rules: BackendRules,
): { ports: readonly Port[]; refused: readonly RefusedBackend[] } {
  const refused: RefusedBackend[] = [];
  const ports = loadBalancer.ports.map((port): Port => {
    if (port.target.kind !== 'endpoints') return port;
    const endpoints = port.target.endpoints.filter((endpoint) => {
      const { name, address } = endpoint;
      const why =
        judgeBackend(address, loadBalancer.cluster, 'endpoint', rules) ?? judgeWay(endpoint, loadBalancer, rules);
      if (why !== undefined) refused.push({ name, refusal: why });
      return why === undefined;
    });
    return { ...port, target: { kind: 'endpoints', endpoints } };
  });
  return refused.length === 0 ? { ports: loadBalancer.ports, refused } : { ports, refused };
}

/** Where machines route pod ranges through nodes, a pod is reached through its own node, and only there. */
function judgeWay({ address, node: name }: Endpoint, lb: LoadBalancer, rules: BackendRules): Refusal | undefined {
  if (lb.backendMode !== 'pod' || !isRouting(lb.cluster, rules)) return undefined;
  if (includes(rules.site.clusters.get(lb.cluster)!.spec.nodeCidrs, address)) return undefined;
  const node = rules.nodes.get(lb.cluster)?.get(name ?? '');
  const ways = node?.podCidrs.filter((cidr) => judgePodRange(cidr, lb.cluster, rules) === undefined) ?? [];
  const isRouted = ways.map((cidr) => parseCidr(cidr)).some((range) => range.ok && rangeContains(range.value, address));
  if (isRouted) return undefined;
  const why = node === undefined ? 'it is on no node that is known' : `node ${name} has no pod range with it`;
  return refuse(
    `there is no way to ${address}: ${why}; set spec.podCIDRs of its node, or podRoutes: none where the network routes pods`,
  );
}
