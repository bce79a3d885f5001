import { nodeCheckServerName, type WorkerState } from '@fairlead/haproxy';
import type { AssignedServer, AssignedService, Assignment } from './assign.ts';
import { sealOf } from '../forwarding/render.ts';
import type { Forward, NamedDestination, ObservedForward } from '../forwarding/types.ts';
import { type Halves, inOrder, type Step } from './step.ts';
import { type NodeCheck, nodeCheckKey, type Wanted } from '../wanted/wanted.ts';

export interface ForwardsInput {
  readonly wanted: Wanted;
  readonly assignment: Assignment;
  readonly worker: WorkerState;
  /** What is forwarded now, by map key. */
  readonly forwards: ReadonlyMap<string, ObservedForward>;
  /** Backends that keep a server until one that stays is alive. */
  readonly postponed: readonly string[];
}

export interface ForwardsPlan extends Halves {
  /** All that should be forwarded, by map key. */
  readonly wanted: ReadonlyMap<string, Forward>;
}

/**
 * UDP ports to forward, and those to forward no more. HAProxy has a backend for each, to which nobody is sent: its checks
 * say who is alive. A port without a living backend is forwarded nowhere.
 */
export function planForwards(input: ForwardsInput): ForwardsPlan {
  const { assignment, forwards } = input;
  const checks = new Map(
    assignment.nodeChecks.map(({ check, backend, index }) => [`${backend}/${nodeCheckServerName(index)}`, check]),
  );
  const wanted = new Map<string, Forward>();
  for (const [key, service] of inOrder(assignment.services)) {
    const forward = service.wanted.protocol === 'UDP' ? forwardOf(service, input, checks) : undefined;
    if (forward) wanted.set(key, forward);
  }
  const unplaced = new Set(assignment.unplaced);
  const add = [...wanted].flatMap(([key, forward]): Step[] =>
    forwards.get(key)?.seal === sealOf(forward) ? [] : [{ kind: 'forward', key, forward }],
  );
  const remove = inOrder(forwards).flatMap(([key, { vip, port }]): Step[] =>
    wanted.has(key) || unplaced.has(key) ? [] : [{ kind: 'stop-forwarding', key, vip, port }],
  );
  return { add, remove, wanted };
}

function forwardOf(
  { wanted: service, backend, servers }: AssignedService,
  { wanted, worker, postponed }: ForwardsInput,
  checks: ReadonlyMap<string, NodeCheck>,
): Forward | undefined {
  const running = worker.backends.get(backend)?.servers;
  const labels = new Map(service.servers.map(({ id, label }) => [id, label]));
  const named = ({ id, name, address, port }: AssignedServer): NamedDestination => ({
    name: labels.get(id) ?? name,
    address,
    port,
  });
  const isAlive = (server: AssignedServer): boolean => {
    const { check } = server;
    if (server.lastResort || check.kind === 'none') return true;
    if (check.kind === 'track') return isNodeAlive(check, checks, { wanted, worker });
    const found = running?.get(server.name);
    if (!found || found.maintenance) return check.kind !== 'http';
    return found.up;
  };
  const alive = servers.filter((server) => server.stage === 'serving' && isAlive(server)).map(named);
  const going = servers.filter(({ stage }) => stage !== 'serving').map(named);
  // Those that leave are all that answers until another one does.
  const last = postponed.includes(backend) ? lastOnes(servers, running) : [];
  const backends = alive.length > 0 ? alive : last;
  if (backends.length === 0) return undefined;
  const { vip, port, loadBalancerId, byClient } = service;
  return { vip, port, loadBalancerId, ...(byClient ? { byClient } : {}), backends, draining: going };
}

function isNodeAlive(
  { backend, server }: { readonly backend: string; readonly server: string },
  checks: ReadonlyMap<string, NodeCheck>,
  { wanted, worker }: Pick<ForwardsInput, 'wanted' | 'worker'>,
): boolean {
  const check = checks.get(`${backend}/${server}`);
  if (!check || wanted.heldChecks.has(nodeCheckKey(check))) return true;
  const slot = worker.backends.get(backend)?.servers.get(server);
  const isAsked = slot && !slot.maintenance && slot.address === check.address && slot.port === check.port;
  // Nobody has asked it yet.
  return isAsked ? slot.up : true;
}

type Running = WorkerState['backends'] extends ReadonlyMap<string, infer B> ? B : never;

function lastOnes(servers: readonly AssignedServer[], running: Running['servers'] | undefined): NamedDestination[] {
  const staying = new Set(servers.flatMap(({ name, stage }) => (stage === 'serving' ? [name] : [])));
  return [...(running?.values() ?? [])].flatMap(({ name, address, port, up, maintenance }) =>
    staying.has(name) || address === undefined || !up || maintenance ? [] : [{ name: address, address, port }],
  );
}
