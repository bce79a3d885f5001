import {
  holdsServices,
  nodeCheckBackendName,
  type ObservedBackend,
  type ObservedServer,
  type WorkerState,
} from '@fairlead/haproxy';
import type { AssignedServer, AssignedService, Assignment } from './assign.ts';
import type { DrainRules } from '../draining/drain-rules.ts';
import { type Halves, inOrder, type Step } from './step.ts';
import { nodeCheckKey, type Stage, type Wanted, type WantedService } from '../wanted/wanted.ts';

export interface ServersInput {
  readonly wanted: Wanted;
  readonly assignment: Assignment;
  readonly worker: WorkerState;
  readonly drain: DrainRules;
  /** As `waitingMoves` says. */
  readonly moves: ReadonlySet<string>;
}

export interface ServersPlan extends Halves {
  /** Backends of services that keep a server until one that stays is alive. */
  readonly postponed: readonly string[];
}

/**
 * Servers to add, to let in again, to drain and to delete. One that leaves gets connections until one that stays is alive;
 * from then on it drains for the time of its service, whatever else has to wait. With the whole service gone its
 * connections end at once.
 */
export function planServers({ wanted, assignment, worker, drain, moves }: ServersInput): ServersPlan {
  const add: Step[] = [];
  const remove: Step[] = [];
  const serviceIn = new Map<string, AssignedService>();
  const postponed: string[] = [];
  for (const [key, service] of inOrder(assignment.services)) {
    serviceIn.set(service.backend, service);
    const running = worker.backends.get(service.backend);
    for (const server of service.servers) {
      add.push(...letIn(server, running?.servers.get(server.name), { key, backend: service.backend }));
    }
  }
  const keyOf = new Map([...worker.services].map(([key, backend]) => [backend, key]));
  const unplaced = new Set(assignment.unplaced);
  for (const [name, backend] of inOrder(worker.backends)) {
    if (backend.servers.size === 0 || !holdsServices(name)) continue;
    const service = serviceIn.get(name);
    const routed = keyOf.get(name);
    // It serves from here until the reload gives it its new place, or until somebody is alive there.
    if (routed !== undefined && (unplaced.has(routed) || moves.has(routed))) {
      const at = { key: routed, backend: name };
      remove.push(...endOverdue(wanted.services.get(routed)!, backend, { ...at, drain }));
      const next = assignment.services.get(routed);
      if (!next) continue;
      postponed.push(name, next.backend);
      remove.push(...letOutBefore(next, backend, at));
      continue;
    }
    const stages = new Map(service?.servers.map((server) => [server.name, server.stage]));
    const gone = routed !== undefined && !wanted.services.has(routed);
    const key = service?.wanted.key ?? routed ?? name;
    const leaving = letOut(backend, { backend: name, key, stages, gone, service, drain });
    if (leaving.length === 0 || !service || !waitsForAnother(service, backend)) {
      remove.push(...leaving);
      continue;
    }
    postponed.push(name);
    add.push(...keepLeaving(leaving, backend));
    remove.push(...endOverdue(service.wanted, backend, { key, backend: name, drain }));
  }
  return { add, remove, postponed };
}

/**
 * Keys of services that have to go to another backend and are still better served where they are, because nobody is
 * alive there yet.
 */
export function waitingMoves(assignment: Assignment, worker: WorkerState): ReadonlySet<string> {
  const waiting = new Set<string>();
  for (const [key, service] of assignment.services) {
    const current = worker.services.get(key);
    if (current === undefined || current === service.backend) continue;
    const here = [...(worker.backends.get(current)?.servers.values() ?? [])];
    if (!here.some(({ up, maintenance }) => up && !maintenance)) continue;
    const there = worker.backends.get(service.backend) ?? { servers: new Map<string, ObservedServer>() };
    if (waitsForAnother(service, there)) waiting.add(key);
  }
  return waiting;
}

/** Those that get no connections any more, and whose time to keep theirs is over. */
function endOverdue(
  service: WantedService,
  running: ObservedBackend,
  { drain, ...at }: { readonly key: string; readonly backend: string; readonly drain: DrainRules },
): readonly Step[] {
  const overdue = [...running.servers.values()].filter((server) => isOverdue(server, service, drain)).sort(byName);
  return overdue.map(({ name }) => ({ kind: 'delete-server', ...at, server: name, force: true }));
}

/** Those that will not serve after the move: they may have stopped already, and some who stay are alive here too. */
function letOutBefore(
  { servers }: AssignedService,
  running: ObservedBackend,
  at: { readonly key: string; readonly backend: string },
): readonly Step[] {
  const targets = new Set(
    servers.filter(({ stage }) => stage === 'serving').map(({ address, port }) => `${address} ${port}`),
  );
  const open = [...running.servers.values()].filter(({ maintenance }) => !maintenance).sort(byName);
  const stays = ({ address, port }: ObservedServer): boolean => targets.has(`${address} ${port}`);
  if (!open.some((server) => stays(server) && server.up)) return [];
  return open.filter((server) => !stays(server)).map(({ name }) => ({ kind: 'drain-server', ...at, server: name }));
}

function letIn(
  { stage, lastResort, ...server }: AssignedServer,
  found: ObservedServer | undefined,
  { key, backend }: { readonly key: string; readonly backend: string },
): readonly Step[] {
  if (stage !== 'serving') return [];
  const at = { key, backend, server: server.name };
  const check = server.check.kind;
  const asksItself = check === 'http' || check === 'tcp';
  const opened: Step[] = [];
  if (!found) opened.push({ kind: 'add-server', key, backend, server });
  else if (found.maintenance || (asksItself && !found.checked && !lastResort)) {
    opened.push({ kind: 'resume-server', check, ...at });
  }
  const isKept = found?.maintenance === false && !found.checked && found.up;
  return lastResort && asksItself && !isKept ? [...opened, { kind: 'keep-server', ...at }] : opened;
}

/** How long servers that leave wait for one that stays to come alive. Nodes take a second or two. */
const PATIENCE_SECONDS = 10;

/**
 * True while servers stay, none of them is alive, and one may still become so: those that leave may be all that answers.
 * One that is awaited is waited for as long as it is.
 */
function waitsForAnother(service: AssignedService, running: ObservedBackend): boolean {
  const staying = service.servers.flatMap(({ stage, name, check, lastResort }) => {
    const server = running.servers.get(name);
    return stage !== 'serving' || server?.maintenance === true ? [] : [{ server, check: check.kind, lastResort }];
  });
  // One that has no check of its own is as alive as its node from the beginning.
  const isAlive = ({ server, check, lastResort }: (typeof staying)[number]): boolean =>
    server ? server.up : check === 'track' || check === 'none' || lastResort;
  if (staying.some(isAlive)) return false;
  if (service.wanted.servers.some(({ stage }) => stage === 'awaited')) return true;
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
  /** By name; a server that is not here leaves. */
  readonly stages: ReadonlyMap<string, Stage>;
  readonly gone: boolean;
  readonly service: AssignedService | undefined;
  readonly drain: DrainRules;
}

type Leaving = Extract<Step, { kind: 'drain-server' | 'delete-server' }>;

function letOut(running: ObservedBackend, removal: Removal): readonly Leaving[] {
  const { backend, key, stages, gone, service, drain } = removal;
  return [...running.servers.values()].sort(byName).flatMap((server): Leaving[] => {
    const stage = stages.get(server.name) ?? 'leaving';
    if (stage === 'serving') return [];
    const at = { key, backend, server: server.name };
    const first: Leaving[] = server.maintenance ? [] : [{ kind: 'drain-server', ...at }];
    if (stage === 'draining' || stage === 'awaited') return first;
    return [...first, { kind: 'delete-server', ...at, force: gone || isOverdue(server, service?.wanted, drain) }];
  });
}

/** A service that moved to another backend leaves connections behind, which end only when it is not served there any more. */
function isOverdue(server: ObservedServer, service: WantedService | undefined, drain: DrainRules): boolean {
  if (!server.maintenance) return false;
  if (service) {
    // It is reached in another way now; those who came by the old one may go on.
    const stays = service.servers.some(
      ({ stage, address, port }) => stage !== 'leaving' && address === server.address && port === server.port,
    );
    return !stays && server.secondsInState >= (service.drainSeconds ?? drain.seconds);
  }
  return server.secondsInState >= drain.longestSeconds() && !drain.isServed(server);
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.length - b.name.length || (a.name < b.name ? -1 : 1);
}
