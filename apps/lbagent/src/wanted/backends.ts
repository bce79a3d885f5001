import {
  type Address,
  familyOf,
  type LoadBalancer,
  type Node,
  nodeAddressFor,
  type NodeSet,
  type Port,
} from '@fairlead/model';
import { chooseEndpoints, chooseNodes } from './choose-backends.ts';
import { type NodeCheckChoice, type NodeCheckChoices, nodeCheckOf } from '../node-checks/choice.ts';
import type { WantedCheck, WantedServer } from './types.ts';

export type Backend = Omit<WantedServer, 'id'>;

/** What is known of the nodes of a load balancer's cluster. */
export interface KnownNodes {
  /** Undefined: none known. */
  readonly nodeSet: NodeSet | undefined;
  readonly choices: NodeCheckChoices;
}

/** Where the connections or flows of a port of an address go, and how each of these is known to be alive. PURE. */
export function backendsOf(
  lb: LoadBalancer,
  port: Port,
  vip: Address,
  { nodeSet, choices }: KnownNodes,
): readonly Backend[] {
  const { target } = port;
  const isOfFamily = (address: Address): boolean => familyOf(address) === familyOf(vip);
  // HAProxy connects anew, in any family; the kernel forwards within one.
  const mayCross = port.protocol === 'TCP';
  const hostOf = (node: Node): Host | undefined => {
    const address = nodeAddressFor(node, familyOf(vip), lb.families);
    if (address === undefined || !(mayCross || isOfFamily(address))) return undefined;
    return { address, choice: choices[familyOf(address)] };
  };
  if (target.kind === 'endpoints') {
    // A pod has an address of each family; what is not in Kubernetes has those that it was declared with.
    const isReached = (address: Address) => isOfFamily(address) || (mayCross && lb.backendMode !== 'pod');
    const endpoints = target.endpoints.filter(({ address }) => isReached(address));
    const nodes = new Map(nodeSet?.nodes.map((node) => [node.name, node]));
    return chooseEndpoints(endpoints, nodeSet).map(({ endpoint, stage }) => {
      const { name, address, port: number, node = '' } = endpoint;
      // What speaks TCP is asked itself; of what does not nobody knows more than that its node lives.
      const on = port.protocol === 'UDP' ? nodes.get(node) : undefined;
      return { label: name, address, port: number, stage, check: checkOf(lb, port, on && hostOf(on)) };
    });
  }
  if (!nodeSet) return [];
  const reachable = { ...nodeSet, nodes: nodeSet.nodes.filter((node) => hostOf(node) !== undefined) };
  return chooseNodes(reachable, target, lb.id).flatMap(({ node, stage }) => {
    const host = hostOf(node);
    if (host === undefined) return [];
    const check = checkOf(lb, port, host);
    const lastResort = target.lastResort ? { lastResort: true as const } : {};
    return [{ label: node.name, address: host.address, port: target.nodePort, stage, check, ...lastResort }];
  });
}

/** A node as it is asked whether it lives. */
interface Host {
  readonly address: Address;
  readonly choice: NodeCheckChoice;
}

/** `on`: the node that the backend is, or is on; undefined: none that is known. */
function checkOf({ options }: LoadBalancer, { check: asked, protocol }: Port, on: Host | undefined): WantedCheck {
  const pace = options?.checkPace ? { pace: options.checkPace } : {};
  const shared = on && nodeCheckOf(on.address, on.choice);
  const ofNode: WantedCheck = shared ? { kind: 'node', check: shared } : { kind: 'none' };
  // What speaks UDP takes no connection, and need not answer what it does not understand.
  const itself: WantedCheck = protocol === 'UDP' ? ofNode : { kind: 'tcp', ...pace };
  if (asked.kind === 'tcp') return itself;
  if (asked.kind === 'http') return { kind: 'http', port: asked.port, ...pace };
  // A backend that is not a node has nothing to share: it is asked itself.
  return on ? ofNode : itself;
}
