import { type CommandSocket, observeBackends, readCurrentWorkerInfo } from '@fairlead/haproxy';
import type { View } from '../planning/advance.ts';
import { lookAgain } from '../pace/look-again.ts';
import type { Wanted } from '../wanted/wanted.ts';

export interface ForwardWatchParts {
  /** A connection of its own. */
  readonly socket: CommandSocket;
  readonly current: () => { readonly wanted: Wanted; readonly view: View } | undefined;
  /** Some backend of UDP was found alive or dead by its own check. */
  readonly onChange: () => void;
}

/** As often as nodes are looked at; milliseconds. */
const ROUND_MS = 250;

/**
 * HAProxy takes a backend out by itself, but nobody tells nftables: so the checks that belong to UDP ports alone are looked
 * at again and again. Those that nodes share are looked at by `watchNodes`. Returns the way to stop.
 */
export function watchForwards({ socket, current, onChange }: ForwardWatchParts): () => void {
  let told = '';
  let checked: { readonly services: Wanted['services']; readonly keys: readonly string[] } | undefined;

  async function round(): Promise<void> {
    const now = current();
    if (!now) return;
    const { services } = now.wanted;
    if (checked?.services !== services) checked = { services, keys: keysWithChecks(services) };
    const watched = checked.keys.flatMap((key) => now.view.worker.services.get(key) ?? []);
    if (watched.length === 0) return;
    await readCurrentWorkerInfo(socket);
    const seen = await observeBackends(socket, watched);
    const news = watched.flatMap((name) =>
      [...(seen.get(name)?.servers.values() ?? [])].flatMap(({ name: server, up, maintenance }) => {
        const known = now.view.worker.backends.get(name)?.servers.get(server);
        return known === undefined || maintenance || known.up === up ? [] : [`${name}/${server} ${up}`];
      }),
    );
    const text = news.join(' ');
    if (text !== '' && text !== told) onChange();
    told = text;
  }

  // haproxy may be on its way: the next round comes in any case.
  const stop = lookAgain(ROUND_MS, round, () => socket.close());
  return () => {
    stop();
    socket.close();
  };
}

/** Of UDP services whose backends are asked by checks of their own. */
function keysWithChecks(services: Wanted['services']): readonly string[] {
  const keys: string[] = [];
  for (const { key, protocol, profile } of services.values()) {
    if (protocol === 'UDP' && profile.check !== undefined) keys.push(key);
  }
  return keys;
}
