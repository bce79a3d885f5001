import { type CommandSocket, openCommandSocket } from './socket.ts';
import {
  type ObservedBackend,
  parseBackendNames,
  parseInfo,
  parseServersState,
  withoutUnused,
  type WorkerInfo,
  type WorkerState,
} from './worker-state.ts';
import { parseServiceMap } from './service-map.ts';

const NO_SERVERS: ObservedBackend = { servers: new Map() };

/** Everything the worker serves. Throws when it does not answer or its answer cannot be read. */
export async function observeWorker(socket: CommandSocket, mapFile: string): Promise<WorkerState> {
  const [info, names, servers, services] = await socket.run([
    'show info',
    'show backend',
    'show servers state',
    `show map ${mapFile}`,
  ]);
  const withServers = parseServersState(servers!);
  return {
    info: parseInfo(info!),
    backends: new Map(parseBackendNames(names!).map((name) => [name, withServers.get(name) ?? NO_SERVERS])),
    ...parseServiceMap(services!),
  };
}

export async function readWorkerInfo(socket: CommandSocket): Promise<WorkerInfo> {
  const [info] = await socket.run(['show info']);
  return parseInfo(info!);
}

/** Over a connection of its own, which the newest worker takes. A text: why it does not answer within `timeoutMs`. */
export async function askWorkerInfo(statsSocket: string, timeoutMs: number): Promise<WorkerInfo | string> {
  const socket = openCommandSocket(statsSocket, timeoutMs);
  try {
    return await readWorkerInfo(socket);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    socket.close();
  }
}

/**
 * As `readWorkerInfo`, of the worker that takes new connections: after a reload a lasting connection is still to the old
 * one, which lives as long as somebody is connected to it.
 */
export async function readCurrentWorkerInfo(socket: CommandSocket): Promise<WorkerInfo> {
  const info = await readWorkerInfo(socket);
  if (!info.stopping) return info;
  socket.close();
  return readWorkerInfo(socket);
}

/** The servers of some backends, by backend name; `in use`: only those that have been given an address. */
export async function observeBackends(
  socket: CommandSocket,
  names: readonly string[],
  which: 'all' | 'in use' = 'all',
): Promise<ReadonlyMap<string, ObservedBackend>> {
  const replies = await socket.run(names.map((name) => `show servers state ${name}`));
  const read = (reply: string) => parseServersState(which === 'all' ? reply : withoutUnused(reply));
  return new Map(names.map((name, index) => [name, read(replies[index]!).get(name) ?? NO_SERVERS]));
}
