import type { pb } from '@fairlead/rpc';
import type { Fleet } from '../push.ts';
import type { StatusBoard } from '../status/board.ts';
import type { TruthKeeper } from '../truth/truth-keeper.ts';

/** What may change a resource or its status. */
export interface WatchSources {
  readonly keeper: Pick<TruthKeeper, 'subscribe'>;
  readonly fleet: Pick<Fleet, 'subscribe'>;
  readonly board: Pick<StatusBoard, 'subscribe'>;
}

/** Changes that come together are looked at together; milliseconds. */
const SETTLE_MS = 100;

/** `current` by name once, then what is different, until the signal aborts. A slow reader skips what is outdated. */
export async function* watchResources(
  current: () => ReadonlyMap<string, pb.Resource.$Properties>,
  { keeper, fleet, board }: WatchSources,
  signal: AbortSignal,
): AsyncGenerator<pb.WatchResponse.$Properties> {
  let wake: () => void = () => undefined;
  let isDirty = false;
  const mark = () => {
    isDirty = true;
    wake();
  };
  const stops = [keeper.subscribe(mark), fleet.subscribe(mark), board.subscribe(mark)];
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    let told = current();
    for (const resource of told.values()) yield { upserted: resource };
    yield { initialStateSent: {} };
    for (;;) {
      if (!isDirty) await new Promise<void>((resolve) => (signal.aborted ? resolve() : (wake = resolve)));
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      isDirty = false;
      const next = current();
      for (const name of told.keys()) if (!next.has(name)) yield { removedName: name };
      for (const [name, resource] of next) {
        const known = told.get(name);
        if (known?.json !== resource.json || known?.declaredIn !== resource.declaredIn) yield { upserted: resource };
      }
      told = next;
    }
  } finally {
    for (const stop of stops) stop();
    signal.removeEventListener('abort', onAbort);
  }
}
