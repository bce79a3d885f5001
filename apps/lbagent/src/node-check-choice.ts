/** How all nodes of a cluster are known to be alive. */
export type NodeCheckChoice =
  /** HTTP GET /healthz at kube-proxy's health port. */
  | { readonly kind: 'healthz' }
  /** A connection to this NodePort. */
  | { readonly kind: 'node-port'; readonly port: number }
  /** Nothing to ask is known: nodes count as alive. */
  | { readonly kind: 'none' };

/** kube-proxy's default healthzBindAddress port. */
export const HEALTHZ_PORT = 10256;

export const CHECK_HEALTHZ: NodeCheckChoice = { kind: 'healthz' };
