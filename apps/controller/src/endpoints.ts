import { type Address, type AddressFamily, type Endpoint, familyOf, parseAddress } from '@fairlead/model';
import type { ServicePort, SliceEndpoint, SliceObject } from './cluster/objects.ts';

/** The nodes that have something of a Service, each once, in order of name. */
export interface EndpointNodes {
  /** Those to send connections to: with a ready pod. Without any, those whose pods end but still answer. */
  readonly serving: readonly string[];
  /** Others with pods that end or are not ready: they keep the connections they have. */
  readonly draining: readonly string[];
  /** No pod is ready, and `serving` are those whose pods end (kube-proxy's rule for terminating endpoints, KEP-1669). */
  readonly lastResort: boolean;
}

/** What EndpointSlices say of the nodes. The same whatever the order of slices and endpoints. PURE. */
export function endpointNodes(slices: readonly SliceObject[]): EndpointNodes {
  const all = slices.flatMap(({ endpoints }) => endpoints);
  const ready = nodesWith(all, 'ready');
  const serving = ready.length > 0 ? ready : nodesWith(all, 'ending');
  const known = new Set(serving);
  const others = new Set(all.flatMap(({ node }) => (node === undefined || known.has(node) ? [] : [node])));
  return { serving, draining: [...others].sort(), lastResort: ready.length === 0 && serving.length > 0 };
}

/** Whether an endpoint is ready to answer. PURE. */
export function someReady(slices: readonly SliceObject[]): boolean {
  return slices.some(({ endpoints }) => endpoints.some(({ state }) => state === 'ready'));
}

function nodesWith(endpoints: readonly SliceEndpoint[], wanted: SliceEndpoint['state']): readonly string[] {
  const nodes = endpoints.flatMap(({ node, state }) => (state === wanted && node !== undefined ? [node] : []));
  return [...new Set(nodes)].sort();
}

/**
 * The pods behind one port of a Service, each once, in order of name: those that get connections, and (draining) those
 * that keep the ones they have. When no pod is ready, those that end but still answer get connections. Of a pod with
 * addresses of both families the first of `families` counts. PURE.
 */
export function podEndpoints(
  slices: readonly SliceObject[],
  { name = '', protocol = 'TCP' }: Pick<ServicePort, 'name' | 'protocol'>,
  families: readonly AddressFamily[],
): readonly Endpoint[] {
  const candidates = slices.flatMap((slice) => {
    const port = slice.ports.find((each) => each.name === name && each.protocol === protocol)?.port;
    return port === undefined || !isPort(port) ? [] : slice.endpoints.flatMap((each) => candidate(each, port));
  });
  const found = new Map<string, Candidate>();
  for (const each of candidates.sort((a, b) => compare(a, b, families)))
    if (!found.has(each.key)) found.set(each.key, each);
  const chosen = [...found.values()];
  const lastResort = chosen.every(({ state }) => state !== 'ready');
  const names = new Set<string>();
  return chosen
    .map(({ name: pod, address, port, node, state }): Endpoint => {
      const label = names.has(pod) ? nameOf(address) : pod;
      names.add(label);
      const draining = state !== 'ready' && !(lastResort && state === 'ending');
      return { name: label, address, port, draining, ...(node === undefined ? {} : { node }) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Candidate {
  /** Whatever is the same pod has the same. */
  readonly key: string;
  readonly name: string;
  readonly address: Address;
  readonly port: number;
  readonly node: string | undefined;
  readonly state: SliceEndpoint['state'];
}

const STATES: readonly SliceEndpoint['state'][] = ['ready', 'ending', 'closed'];

// Whoever may write an EndpointSlice may write anything into it; what is no address cannot be reached.
function candidate({ pod, node, addresses, state }: SliceEndpoint, port: number): Candidate[] {
  const parsed = parseAddress(addresses[0] ?? '');
  if (!parsed.ok) return [];
  const address = parsed.value;
  const isNamed = pod !== undefined && NAME.test(pod);
  const on = node !== undefined && NAME.test(node) ? node : undefined;
  return [
    { key: isNamed ? `pod ${pod}` : address, name: isNamed ? pod : nameOf(address), address, port, node: on, state },
  ];
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Letters, digits, "-" and "." only. */
function nameOf(address: Address): string {
  return `ip-${address.replaceAll(':', '-')}-0`;
}

/** The best of what may be one pod comes first; nothing depends on the order of slices. */
function compare(a: Candidate, b: Candidate, families: readonly AddressFamily[]): number {
  const rank = ({ address, state }: Candidate): number => {
    const family = families.indexOf(familyOf(address));
    return (family < 0 ? families.length : family) * STATES.length + STATES.indexOf(state);
  };
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return rank(a) - rank(b) || (a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port);
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65_535;
}
