import { pickByRendezvous } from '@fairlead/haproxy';
import type { Endpoint, Node, NodeSet, Target } from '@fairlead/model';
import type { Stage } from './types.ts';

type NodePortTarget = Extract<Target, { kind: 'node-port' }>;

/**
 * The nodes that have a part in a port: those that serve it, and those that keep the connections they have.
 * `Local` names its nodes. `Cluster` takes at most maxBackends, chosen by rendezvous over `key`; a node that leaves stays
 * where it would have been chosen. PURE.
 */
export function chooseNodes(
  { nodes, maxBackends }: NodeSet,
  target: NodePortTarget,
  key: string,
): readonly { readonly node: Node; readonly stage: Stage }[] {
  if (target.nodes === 'all') {
    const active = mostFit(nodes, (node) => node);
    const pick = (some: readonly Node[]): readonly Node[] => {
      const chosen = new Set(
        pickByRendezvous(
          key,
          some.map(({ name }) => name),
          maxBackends,
        ),
      );
      return some.filter(({ name }) => chosen.has(name));
    };
    const leaving = nodes.filter((node) => node.draining && !active.includes(node));
    const kept = leaving.length === 0 ? [] : pick([...active, ...leaving]).filter((node) => leaving.includes(node));
    return [...staged(pick(active), 'serving'), ...staged(kept, 'leaving')];
  }
  const isNamed = (names: readonly string[]) => {
    const known = new Set(names);
    return nodes.filter(({ name }) => known.has(name));
  };
  const named = isNamed(target.nodes);
  const active = mostFit(named, (node) => node);
  const leaving = named.filter((node) => node.draining && !active.includes(node));
  const draining = isNamed(target.drainingNodes ?? []).filter(({ eligible, draining: leaves }) => eligible || leaves);
  return [
    ...staged(active, 'serving'),
    ...staged(leaving, 'leaving'),
    ...draining.map((node) => ({ node, stage: node.draining ? ('leaving' as const) : ('draining' as const) })),
  ];
}

function staged(nodes: readonly Node[], stage: Stage): { node: Node; stage: Stage }[] {
  return nodes.map((node) => ({ node, stage }));
}

/** The endpoints that have a part in a port. One on a node leaves with the node, and is left out with it. PURE. */
export function chooseEndpoints(
  endpoints: readonly Endpoint[],
  nodeSet: NodeSet | undefined,
): readonly { readonly endpoint: Endpoint; readonly stage: Stage }[] {
  const nodes = new Map(nodeSet?.nodes.map((node) => [node.name, node]));
  const nodeOf = ({ node }: Endpoint): Node | undefined => (node === undefined ? undefined : nodes.get(node));
  const active = new Set(
    mostFit(
      endpoints.filter(({ draining }) => !draining),
      nodeOf,
    ),
  );
  return endpoints.flatMap((endpoint): { endpoint: Endpoint; stage: Stage }[] => {
    if (active.has(endpoint)) return [{ endpoint, stage: 'serving' }];
    const node = nodeOf(endpoint);
    if (node?.draining) return [{ endpoint, stage: 'leaving' }];
    return endpoint.draining && node?.eligible !== false ? [{ endpoint, stage: 'draining' }] : [];
  });
}

/** Those on eligible nodes; without any, on nodes that stay; without these, all: the last answer is better than none. */
function mostFit<T>(all: readonly T[], nodeOf: (each: T) => Node | undefined): readonly T[] {
  const staying = all.filter((each) => nodeOf(each)?.draining !== true);
  const eligible = staying.filter((each) => nodeOf(each)?.eligible !== false);
  return [eligible, staying, all].find((some) => some.length > 0) ?? [];
}
