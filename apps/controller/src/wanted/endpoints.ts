import { type Address, type AddressFamily, type Endpoint, familyOf, parseAddress } from '@fairlead/model';
import type { ServicePort, SliceEndpoint, SliceObject } from '../cluster/objects.ts';

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
 * The pods behind one port of a Service, each once for each of its families, in order of name: those that get connections,
 * and (draining) those that keep the ones they have. When no pod is ready, those that end but still answer get
 * connections. PURE.
 */
export function podEndpoints(
  slices: readonly SliceObject[],
  { name = '', protocol = 'TCP' }: Pick<ServicePort, 'name' | 'protocol'>,
  families: readonly AddressFamily[],
): readonly Endpoint[] {
  const candidates = slices.flatMap((slice) => {
    const port = slice.ports.find((each) => each.name === name && each.protocol === protocol)?.port;
    return port === undefined || !isPort(port)
      ? []
      : slice.endpoints.flatMap((each) => candidate(each, port, families));
  });
  const found = new Map<string, Candidate>();
  for (const each of candidates.sort(compare)) if (!found.has(each.name)) found.set(each.name, each);
  const chosen = [...found.values()];
  const lastResort = chosen.every(({ state }) => state !== 'ready');
  return chosen.map(({ name: label, address, port, node, state }): Endpoint => {
    const draining = state !== 'ready' && !(lastResort && state === 'ending');
    return { name: label, address, port, draining, ...(node === undefined ? {} : { node }) };
  });
}

interface Candidate {
  /** Whatever is the same pod in the same family has the same. */
  readonly name: string;
  readonly address: Address;
  readonly port: number;
  readonly node: string | undefined;
  readonly state: SliceEndpoint['state'];
}

const STATES: readonly SliceEndpoint['state'][] = ['ready', 'ending', 'closed'];

// Whoever may write an EndpointSlice may write anything into it; what is no address cannot be reached.
function candidate(
  { pod, node, addresses, state }: SliceEndpoint,
  port: number,
  families: readonly AddressFamily[],
): Candidate[] {
  const parsed = parseAddress(addresses[0] ?? '');
  if (!parsed.ok) return [];
  const address = parsed.value;
  const rank = families.indexOf(familyOf(address));
  if (rank < 0) return [];
  const on = node !== undefined && NAME.test(node) ? node : undefined;
  // Letters, digits, "-" and "." only.
  const known = pod !== undefined && NAME.test(pod) ? pod : `ip-${address.replaceAll(':', '-')}-0`;
  return [{ name: rank === 0 ? known : `${known}.${familyOf(address)}`, address, port, node: on, state }];
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,230}[a-z0-9])?$/;

/** By name, and of what may be one pod the best word first; nothing depends on the order of slices. */
function compare(a: Candidate, b: Candidate): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return (
    STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
    (a.address < b.address ? -1 : a.address > b.address ? 1 : 0) ||
    a.port - b.port ||
    ((a.node ?? '') < (b.node ?? '') ? -1 : 1)
  );
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65_535;
}
