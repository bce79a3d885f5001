import { displayName } from '@fairlead/model';
import { pb } from '@fairlead/rpc';

/** The whole site as `Show` tells it. */
export type SiteView = pb.ShowResponse;

/** What a load balancer is called: `prod/shop/front`, `prod/control-plane`, `registry`. PURE. */
export function viewName(view: pb.LoadBalancerView): string {
  return displayName(view);
}

/** One word for a table. PURE. */
export function stateOf({ status }: pb.LoadBalancerView): 'Serving' | 'Pending' | 'Refused' {
  if (status?.state === pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING) return 'Serving';
  return status?.state === pb.LoadBalancerState.LOAD_BALANCER_STATE_REFUSED ? 'Refused' : 'Pending';
}

/** Why it does not serve, or what is wrong now; empty when all is well. PURE. */
export function troubleOf({ status }: pb.LoadBalancerView): string {
  const refusal = status?.refusal?.message ?? '';
  return refusal === '' ? (status?.message ?? '') : refusal;
}

/** `3/3`: backends that answer, of all. PURE. */
export function backendsUp({ backends }: pb.LoadBalancerView): string {
  return `${backends.filter(({ up }) => up).length}/${backends.length}`;
}

/** `node-1 3 (12s)`: backends on their way out, with the connections they still have and for how long. PURE. */
export function drainingText({ draining }: pb.LoadBalancerView): string {
  const sums = new Map<string, { connections: number; seconds: number }>();
  for (const { backend, connections, seconds } of draining) {
    const before = sums.get(backend) ?? { connections: 0, seconds: 0 };
    sums.set(backend, {
      connections: before.connections + connections,
      seconds: Math.max(before.seconds, seconds),
    });
  }
  return [...sums].map(([name, { connections, seconds }]) => `${name} ${connections} (${seconds}s)`).join(', ');
}

/** A Service of a cluster, unlike what the site's own documents declare. PURE. */
export function isService(view: pb.LoadBalancerView): boolean {
  return view.namespace !== '';
}

/** The view of a LoadBalancer document, or of a cluster's control plane. PURE. */
export function declaredView(site: SiteView, id: string): pb.LoadBalancerView | undefined {
  return site.loadBalancers.find(({ status }) => status?.id === id);
}

/** Why it is not connected, and what was found on it, each one sentence. PURE. */
export function machineTroubles({ connectionError, findings }: pb.MachineView): readonly string[] {
  return connectionError === '' ? findings : [connectionError, ...findings];
}

/**
 * One word for a table, with the number of changes it has not applied yet. `Degraded`: it serves, and has found something
 * that a person should act on. PURE.
 */
export function machineState({ connected, lagGenerations, findings }: pb.MachineView): string {
  if (!connected) return 'NotConnected';
  if (findings.length > 0) return 'Degraded';
  return lagGenerations > 0 ? `Behind (${lagGenerations})` : 'Ready';
}
