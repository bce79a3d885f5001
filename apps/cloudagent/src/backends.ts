import { rangeContains, refusal, specialUse } from '@fairlead/model';
import type { Address, AddressRange, LoadBalancer, Node, Port, Refusal } from '@fairlead/model';
import type { Truth } from './truth.ts';

/** What is needed to say whether an address may be a backend. */
export type BackendRules = Pick<Truth, 'site' | 'sets'>;

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

/** The node with the addresses that may be used, and why not the others. PURE. */
export function admitNode(node: Node, cluster: string, rules: BackendRules): { node: Node; refused?: Refusal } {
  const judged = node.addresses.map((address) => ({ address, why: judgeBackend(address, cluster, 'node', rules) }));
  const refused = judged.find(({ why }) => why !== undefined)?.why;
  if (refused === undefined) return { node };
  const addresses = judged.filter(({ why }) => why === undefined).map(({ address }) => address);
  return { node: { ...node, addresses }, refused };
}

/** The ports with the endpoints that may be used, and why not the others. PURE. */
export function admitPorts(
  loadBalancer: LoadBalancer,
  rules: BackendRules,
): { ports: readonly Port[]; refused: readonly RefusedBackend[] } {
  const refused: RefusedBackend[] = [];
  const ports = loadBalancer.ports.map((port): Port => {
    if (port.target.kind !== 'endpoints') return port;
    const endpoints = port.target.endpoints.filter(({ name, address }) => {
      const why = judgeBackend(address, loadBalancer.cluster, 'endpoint', rules);
      if (why !== undefined) refused.push({ name, refusal: why });
      return why === undefined;
    });
    return { ...port, target: { kind: 'endpoints', endpoints } };
  });
  return refused.length === 0 ? { ports: loadBalancer.ports, refused } : { ports, refused };
}
