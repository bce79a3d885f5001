import { nodeCheckBackendName, type ObservedBackend, parseSlotName, type WorkerState } from '@fairlead/haproxy';
import type { AssignedService, Assignment } from './assign.ts';
import { type Halves, inOrder, type Step } from './step.ts';
import { nodeCheckKey, type Wanted } from './wanted.ts';

export interface ServersInput {
  readonly wanted: Wanted;
  readonly assignment: Assignment;
  readonly worker: WorkerState;
  readonly drainSeconds: number;
}

export interface ServersPlan extends Halves {
  /** Backends of services that keep a server until one that stays is alive. */
  readonly postponed: readonly string[];
}

/**
 * Servers to add, to let in again, to drain and to delete. One that is no longer wanted drains for `drainSeconds`, but
 * not before one that stays is alive; with the whole service gone its connections end at once.
 */
export function planServers({ wanted, assignment, worker, drainSeconds }: ServersInput): ServersPlan {
  const add: Step[] = [];
  const remove: Step[] = [];
  const serviceIn = new Map<string, AssignedService>();
  const postponed: string[] = [];
  for (const [key, service] of inOrder(assignment.services)) {
    serviceIn.set(service.backend, service);
    const running = worker.backends.get(service.backend);
    for (const { draining, ...server } of service.servers) {
      const found = running?.servers.get(server.name);
      const at = { key, backend: service.backend, server: server.name };
      if (!found) add.push({ kind: 'add-server', key, backend: service.backend, server });
      const check = server.check.kind;
      const unchecked = (check === 'http' || check === 'tcp') && found?.checked === false;
      if (found && (found.maintenance || unchecked) && !draining) add.push({ kind: 'resume-server', check, ...at });
      if (found?.maintenance !== true && draining) remove.push({ kind: 'drain-server', ...at });
    }
  }
  const keyOf = new Map([...worker.services].map(([key, backend]) => [backend, key]));
  const unplaced = new Set(assignment.unplaced);
  for (const [name, backend] of inOrder(worker.backends)) {
    if (backend.servers.size === 0 || !holdsServices(name)) continue;
    const service = serviceIn.get(name);
    const routed = keyOf.get(name);
    // It serves from here until the reload gives it its new place.
    if (routed !== undefined && unplaced.has(routed)) continue;
    const kept = new Set(service?.servers.map((server) => server.name) ?? []);
    const gone = routed !== undefined && !wanted.services.has(routed);
    const key = service?.wanted.key ?? routed ?? name;
    const leaving = removeServers(backend, { backend: name, key, kept, gone, drainSeconds });
    if (leaving.length === 0 || !service || !waitsForAnother(service, backend)) {
      remove.push(...leaving);
      continue;
    }
    postponed.push(name);
    add.push(...keepLeaving(leaving, backend));
  }
  return { add, remove, postponed };
}

/** How long servers that leave wait for one that stays to come alive. Nodes take a second or two. */
const PATIENCE_SECONDS = 10;

/** True while servers stay, none of them is alive, and one may still become so: those that leave may be all that answers. */
function waitsForAnother(service: AssignedService, running: ObservedBackend): boolean {
  const staying = service.servers.flatMap(({ draining, name, check }) => {
    const server = running.servers.get(name);
    return draining || server?.maintenance === true ? [] : [{ server, check: check.kind }];
  });
  // One that has no check of its own is as alive as its node from the beginning.
  const isAlive = ({ server, check }: (typeof staying)[number]): boolean =>
    server ? server.up : check === 'track' || check === 'none';
  if (staying.some(isAlive)) return false;
  return staying.some(({ server }) => server === undefined || server.secondsInState < PATIENCE_SECONDS);
}

function keepLeaving(leaving: readonly Leaving[], running: ObservedBackend): readonly Step[] {
  return leaving.flatMap(({ kind, ...at }): Step[] => {
    const checked = running.servers.get(at.server)?.checked === true;
    return kind === 'drain-server' && checked ? [{ kind: 'keep-server', ...at }] : [];
  });
}

/** Node checks that nobody needs. What still tracks one is on its way out, in maintenance. */
export function freeNodeChecks(wanted: Wanted, worker: WorkerState): readonly Step[] {
  return (['healthz', 'tcp'] as const).flatMap((kind) => {
    const backend = nodeCheckBackendName(kind);
    const servers = [...(worker.backends.get(backend)?.servers.values() ?? [])].sort(byName);
    return servers.flatMap(({ name, address, port, maintenance }): Step[] => {
      if (maintenance || (address && wanted.nodeChecks.has(nodeCheckKey({ kind, address, port })))) return [];
      return [{ kind: 'free-node-check', backend, server: name }];
    });
  });
}

interface Removal {
  readonly backend: string;
  readonly key: string;
  readonly kept: ReadonlySet<string>;
  readonly gone: boolean;
  readonly drainSeconds: number;
}

type Leaving = Extract<Step, { kind: 'drain-server' | 'delete-server' }>;

function removeServers(running: ObservedBackend, removal: Removal): readonly Leaving[] {
  const { backend, key, kept, gone, drainSeconds } = removal;
  return [...running.servers.values()].sort(byName).flatMap((server): Leaving[] => {
    if (kept.has(server.name)) return [];
    const at = { key, backend, server: server.name };
    const expired = server.maintenance && server.secondsInState >= drainSeconds;
    const drain: Leaving[] = server.maintenance ? [] : [{ kind: 'drain-server', ...at }];
    return [...drain, { kind: 'delete-server', ...at, force: gone || expired }];
  });
}

function holdsServices(backend: string): boolean {
  return parseSlotName(backend) !== undefined || backend.startsWith('backend_');
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}
