import { askServerLoad, type CommandSocket, parseServerLoad } from '@fairlead/haproxy';
import type { DrainingBackend } from '@fairlead/model';
import type { View } from '../planning/advance.ts';
import { drainingBackends, drainingServers } from './draining.ts';
import { lookAgain } from '../pace/look-again.ts';
import type { Wanted } from '../wanted/wanted.ts';

export interface DrainingWatchParts {
  /** Of its own: its replies must not stand before a change. */
  readonly socket: CommandSocket;
  readonly current: () => { readonly wanted: Wanted; readonly view: View } | undefined;
  /** Told at every look. */
  readonly onDraining: (draining: readonly DrainingBackend[]) => void;
}

const LOOK_EVERY_MS = 1_000;
/** Backends asked in one look. */
const MOST_ASKED = 200;

/** Follows how servers that get no new connections lose those they have. Returns the way to stop. */
export function watchDraining({ socket, current, onDraining }: DrainingWatchParts): () => void {
  async function look(): Promise<void> {
    const now = current();
    if (now === undefined) return;
    const { wanted, view } = now;
    const draining = drainingServers(view.worker);
    const asked = [...draining.keys()].slice(0, MOST_ASKED);
    if (asked.length === 0) return onDraining([]);
    const replies = await socket.run(asked.map(askServerLoad));
    const loads = new Map(asked.map((backend, index) => [backend, parseServerLoad(replies[index]!)]));
    onDraining(drainingBackends(draining, loads, { wanted, worker: view.worker }));
  }

  // After a reload the connection may be to a worker that is on its way out, or to none.
  const stop = lookAgain(LOOK_EVERY_MS, look, () => socket.close());
  return () => {
    stop();
    socket.close();
  };
}
