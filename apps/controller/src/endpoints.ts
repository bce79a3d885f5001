import type { SliceEndpoint, SliceObject } from './cluster/objects.ts';

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
