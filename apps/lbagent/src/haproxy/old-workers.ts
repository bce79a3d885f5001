import { askMaster, holdsServices, type ObservedServer, parseServersState, parseServiceMap } from '@fairlead/haproxy';
import type { DrainRules } from '../draining/drain-rules.ts';
import type { Wanted } from '../wanted/wanted.ts';

/** What a worker that was replaced by a reload still holds connections for. */
export interface OldWorker {
  readonly pid: number;
  /** Map key to backend name, as that worker has it. */
  readonly services: ReadonlyMap<string, string>;
  readonly backends: ReadonlyMap<string, { readonly servers: ReadonlyMap<string, ObservedServer> }>;
}

/** A server of an old worker whose connections should end by and by. */
export interface Leaving {
  readonly pid: number;
  readonly backend: string;
  readonly server: string;
  /** Its service is gone as a whole: at once. */
  readonly gone: boolean;
  /** How long its connections may go on; absent: as this machine thinks fit. */
  readonly drainSeconds?: number;
  /** For so long it had got no new connections already; absent: it got them until the reload. */
  readonly drainedSeconds?: number;
}

/** PURE. Servers of old workers that nobody wants any more. */
export function leavingServers(workers: readonly OldWorker[], wanted: Wanted, drain: DrainRules): readonly Leaving[] {
  return workers.flatMap((worker) => [...leavingServices(worker, wanted), ...leftBehind(worker, drain)]);
}

function leavingServices({ pid, services, backends }: OldWorker, wanted: Wanted): readonly Leaving[] {
  return [...services].flatMap(([key, backend]) => {
    const service = wanted.services.get(key);
    const staying = service?.servers.filter(({ stage }) => stage !== 'leaving') ?? [];
    const kept = new Set(staying.map((server) => `${server.address} ${server.port}`));
    const allowed = service?.drainSeconds === undefined ? {} : { drainSeconds: service.drainSeconds };
    const gone = service === undefined;
    const servers = [...(backends.get(backend)?.servers.values() ?? [])];
    return servers
      .filter(({ address, port }) => !kept.has(`${address} ${port}`))
      .map((server) => ({ pid, backend, server: server.name, gone, ...allowed, ...drainedBefore(server) }));
  });
}

/** What a service left in another backend before the reload, when it moved. Of which service it was nobody knows. */
function leftBehind({ pid, services, backends }: OldWorker, drain: DrainRules): readonly Leaving[] {
  const routed = new Set(services.values());
  return [...backends].flatMap(([backend, { servers }]) => {
    if (routed.has(backend) || !holdsServices(backend)) return [];
    const leaving = [...servers.values()].filter((server) => !drain.isServed(server));
    const drainSeconds = drain.longestSeconds();
    return leaving.map((server) => ({
      pid,
      backend,
      server: server.name,
      gone: false,
      drainSeconds,
      ...drainedBefore(server),
    }));
  });
}

function drainedBefore({ maintenance, secondsInState }: ObservedServer): Pick<Leaving, 'drainedSeconds'> {
  return maintenance ? { drainedSeconds: secondsInState } : {};
}

/** PURE. Those whose time is over; `since` remembers when each began to leave, in milliseconds. */
export function overdue(
  leaving: readonly Leaving[],
  since: ReadonlyMap<string, number>,
  { now, drainMs }: { readonly now: number; readonly drainMs: number },
): readonly Leaving[] {
  const isOver = (each: Leaving): boolean => {
    const allowedMs = each.drainSeconds === undefined ? drainMs : each.drainSeconds * 1000;
    const drainedMs = 1000 * (each.drainedSeconds ?? 0);
    return Math.max(drainedMs, now - (since.get(leavingKey(each)) ?? now)) >= allowedMs;
  };
  return leaving.filter((each) => each.gone || isOver(each));
}

export function leavingKey({ pid, backend, server }: Leaving): string {
  return `${pid} ${backend}/${server}`;
}

/** Asks through the master, because an old worker has no socket of its own any more. Throws when it has just gone. */
export async function observeOldWorker(target: OldWorkerTarget, pid: number): Promise<OldWorker> {
  const ask = (command: string): Promise<string> => askMaster(target.masterSocket, `@!${pid} ${command}`, ANSWER_MS);
  const trimmed = (reply: string): string => reply.replace(/^\n+|\n+$/g, '');
  const { services } = parseServiceMap(trimmed(await ask(`show map ${target.mapFile}`)));
  const backends = parseServersState(trimmed(await ask('show servers state')));
  return { pid, services, backends };
}

/**
 * Ends the connections that servers still have in an old worker, one by one: it refuses `shutdown sessions server`,
 * because its backends are closed already.
 */
export async function endConnections(target: OldWorkerTarget, pid: number, servers: readonly Leaving[]): Promise<void> {
  const ask = (command: string): Promise<string> => askMaster(target.masterSocket, `@!${pid} ${command}`, ANSWER_MS);
  const names = new Set(servers.map(({ backend, server }) => `${backend}/${server}`));
  for (const session of sessionsOf(await ask('show sess'), names)) await ask(`shutdown session ${session}`);
}

/** PURE. Sessions to some servers (`backend/server`), from the reply to `show sess`. */
export function sessionsOf(reply: string, servers: ReadonlySet<string>): readonly string[] {
  return reply.split('\n').flatMap((line) => {
    const match = /^(0x[0-9a-f]+): .* be=(\S+) srv=(\S+) /.exec(line);
    return match && servers.has(`${match[2]}/${match[3]}`) ? [match[1]!] : [];
  });
}

export interface OldWorkerTarget {
  readonly masterSocket: string;
  readonly mapFile: string;
}

const ANSWER_MS = 2_000;
