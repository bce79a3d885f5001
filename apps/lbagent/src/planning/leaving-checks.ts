import { nodeCheckBackendName, nodeCheckServerName, type ObservedBackend } from '@fairlead/haproxy';
import type { Address, MachineState, Node } from '@fairlead/model';
import type { Observed } from '../plan.ts';
import { nodeCheckKey, type Wanted, type WantedService } from '../wanted/wanted.ts';
import { observedNodeChecks } from './assign.ts';
import type { Step } from './step.ts';
import type { Known } from './unfinished.ts';

export interface Departure {
  /** The state that `known` was made from. */
  readonly before: MachineState;
  readonly now: MachineState;
  readonly known: Known;
  readonly worker: Observed['worker'];
}

/**
 * Stops the checks of nodes that are gone from their cluster, before thousands of services are read anew: at all servers that track one there
 * are no new connections from then on, and those there are go on. Only what planning everything comes to as well, and
 * nothing when in doubt: a service that changes otherwise, or has nobody else alive, keeps the check of its node. PURE.
 */
export function stopLeavingChecks(departure: Departure): readonly Step[] {
  const { before, now, known, worker } = departure;
  if (known.postponed.size > 0 || !isNodeGone(before, now)) return [];
  const staying = addressesOf(now, ({ eligible, draining }) => eligible && !draining);
  // One that is only shut out may still be what is left for some service.
  const named = addressesOf(now, () => true);
  const leaving = leavingChecks(known.wanted, named);
  for (const [key, service] of known.wanted.services) {
    if (leaving.size === 0) return [];
    const tracked = trackedBy(service, leaving);
    if (tracked.length > 0 && !goesOnWithout(service, { ...departure, staying, backend: backendOf(key, worker) })) {
      for (const each of tracked) leaving.delete(each);
    }
  }
  return (['healthz', 'tcp'] as const).flatMap((kind) =>
    [...observedNodeChecks(worker, kind)].flatMap(([index, { key, isInUse }]): Step[] => {
      if (!isInUse || key === undefined || !leaving.has(key)) return [];
      return [{ kind: 'free-node-check', backend: nodeCheckBackendName(kind), server: nodeCheckServerName(index) }];
    }),
  );
}

/** True also when it only may be so. */
function isNodeGone(before: MachineState, now: MachineState): boolean {
  return [...before.nodeSets].some(([cluster, nodeSet]) => now.nodeSets.get(cluster) !== nodeSet);
}

function addressesOf({ nodeSets }: MachineState, isMeant: (node: Node) => boolean): ReadonlySet<Address> {
  const addresses = new Set<Address>();
  for (const { nodes } of nodeSets.values()) {
    for (const node of nodes) if (isMeant(node)) for (const address of node.addresses) addresses.add(address);
  }
  return addresses;
}

function leavingChecks({ nodeChecks }: Wanted, named: ReadonlySet<Address>): Set<string> {
  const keys = new Set<string>();
  for (const [key, { address }] of nodeChecks) if (!named.has(address)) keys.add(key);
  return keys;
}

function trackedBy({ servers }: WantedService, leaving: ReadonlySet<string>): readonly string[] {
  const keys: string[] = [];
  for (const { check, stage } of servers) {
    if (check.kind !== 'node' || stage === 'leaving') continue;
    const key = nodeCheckKey(check.check);
    if (leaving.has(key)) keys.push(key);
  }
  return keys;
}

function backendOf(key: string, worker: Observed['worker']): ObservedBackend | undefined {
  return worker.backends.get(worker.services.get(key) ?? '');
}

interface Remainder extends Pick<Departure, 'before' | 'now'> {
  readonly staying: ReadonlySet<Address>;
  readonly backend: ObservedBackend | undefined;
}

/** Nothing else changes for it, all that track are nodes themselves, and one that stays is alive. */
function goesOnWithout(
  { loadBalancerId, servers }: WantedService,
  { before, now, staying, backend }: Remainder,
): boolean {
  if (before.loadBalancers.get(loadBalancerId) !== now.loadBalancers.get(loadBalancerId)) return false;
  const alive = new Set<number>();
  for (const { id, up, maintenance } of backend?.servers.values() ?? []) if (up && !maintenance) alive.add(id);
  let isServed = false;
  for (const { id, address, stage, check } of servers) {
    if (check.kind === 'node' && check.check.address !== address) return false;
    isServed ||= stage === 'serving' && staying.has(address) && alive.has(id);
  }
  return isServed;
}
