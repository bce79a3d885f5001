import type { Address, AddressFamily } from '@fairlead/model';

/** How all nodes of a cluster are known to be alive. */
export type NodeCheckChoice =
  /** HTTP GET /healthz at kube-proxy's health port. */
  | { readonly kind: 'healthz' }
  /** A connection to this NodePort. */
  | { readonly kind: 'node-port'; readonly port: number }
  /** Nothing to ask is known: nodes count as alive. */
  | { readonly kind: 'none' };

/** How the nodes of a cluster are asked, over each family. */
export type NodeCheckChoices = Readonly<Record<AddressFamily, NodeCheckChoice>>;

/** kube-proxy's default healthzBindAddress port. */
export const HEALTHZ_PORT = 10256;

export const CHECK_HEALTHZ: NodeCheckChoice = { kind: 'healthz' };

/**
 * What is judged together: the nodes of a cluster, seen over IPv4, or over IPv6. Either may answer where the other does
 * not, kube-proxy's health port for one. The name for IPv4 is the cluster's own.
 */
export function checkGroup(cluster: string, family: AddressFamily): string {
  return family === 'ipv4' ? cluster : `${cluster}/${family}`;
}

/** One check that all servers of a node share. */
export interface NodeCheck {
  readonly kind: 'healthz' | 'tcp';
  readonly address: Address;
  readonly port: number;
}

/** The check of the node at an address; undefined: it is not asked. */
export function nodeCheckOf(address: Address, choice: NodeCheckChoice): NodeCheck | undefined {
  if (choice.kind === 'none') return undefined;
  if (choice.kind === 'healthz') return { kind: 'healthz', address, port: HEALTHZ_PORT };
  return { kind: 'tcp', address, port: choice.port };
}
