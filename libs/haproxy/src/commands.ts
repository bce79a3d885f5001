import { type Server, type ServerCheck, serverParameters } from './server-line.ts';
import type { NodeCheckTarget } from './render.ts';

/** A run-time command with the replies that mean success. */
export interface Command {
  readonly text: string;
  /** How the reply must read; anything else is a failure. */
  readonly success: RegExp;
  /** Replies that mean "not yet": the same command may succeed later. */
  readonly later?: RegExp;
}

const SILENT = /^$/;

/**
 * Makes a server and lets connections in: at once, alive until a check says otherwise; with an HTTP check only when that
 * has passed, because who is asked that way may be listening without being ready.
 */
export function addServer(backend: string, server: Server): readonly Command[] {
  const name = `${backend}/${server.name}`;
  const add = { text: `add server ${name} ${serverParameters(server)}`, success: /^New server registered\.$/ };
  return [add, ...letIn(name, server.check.kind)];
}

/** Lets connections in again, as `addServer` does for a new server with that check. */
export function resumeServer(backend: string, server: string, check: ServerCheck['kind']): readonly Command[] {
  return letIn(`${backend}/${server}`, check);
}

function letIn(name: string, check: ServerCheck['kind']): readonly Command[] {
  const command = (text: string): Command => ({ text, success: SILENT });
  const enable = command(`enable server ${name}`);
  if (check === 'none' || check === 'track') return [enable];
  const checked = [command(`enable health ${name}`), enable];
  // Leaving maintenance makes it alive, so only what comes after counts.
  return check === 'http' ? [...checked, command(`set server ${name} health down`)] : checked;
}

/** No new connections; those it has go on. */
export function drainServer(backend: string, server: string): readonly Command[] {
  return [{ text: `disable server ${backend}/${server}`, success: SILENT }];
}

/** Lets connections in whatever its check says, until it is drained: it is known to leave, and why the check fails. */
export function keepServer(backend: string, server: string): readonly Command[] {
  const name = `${backend}/${server}`;
  return [
    { text: `disable health ${name}`, success: SILENT },
    { text: `set server ${name} health up`, success: SILENT },
  ];
}

/** Takes a drained server away once nobody is connected to it; `force` ends the connections it still has. */
export function deleteServer(backend: string, server: string, force: boolean): readonly Command[] {
  const name = `${backend}/${server}`;
  const remove = {
    text: `del server ${name}`,
    success: /^(Server deleted\.|No such server\.)$/,
    later: /still has connections|cannot be removed at runtime|idle connections/i,
  };
  if (!force) return [remove];
  return [{ text: `shutdown sessions server ${name}`, success: /^(No such server\.)?$/ }, remove];
}

/** Points a free node check at a target and starts it. */
export function useNodeCheck(backend: string, server: string, target: NodeCheckTarget): readonly Command[] {
  const name = `${backend}/${server}`;
  return [
    {
      text: `set server ${name} addr ${target.address} port ${target.port}`,
      success: /^(IP changed|no need to change the addr)/,
    },
    { text: `enable server ${name}`, success: SILENT },
    { text: `enable health ${name}`, success: SILENT },
  ];
}

/** Stops a node check that nobody tracks any more. */
export function freeNodeCheck(backend: string, server: string): readonly Command[] {
  return [{ text: `disable server ${backend}/${server}`, success: SILENT }];
}

/** Sends new connections of a key to a backend, as `mapValue` says it; the key must not be in the map. */
export function addService(mapFile: string, key: string, value: string): readonly Command[] {
  return [{ text: `add map ${mapFile} ${key} ${value}`, success: SILENT }];
}

/** As `addService`, for a key that is in the map. */
export function moveService(mapFile: string, key: string, value: string): readonly Command[] {
  return [{ text: `set map ${mapFile} ${key} ${value}`, success: SILENT }];
}

/** New connections of the key are closed at once from now on. */
export function removeService(mapFile: string, key: string): readonly Command[] {
  return [{ text: `del map ${mapFile} ${key}`, success: /^(|Key not found\.)$/ }];
}
