import { failure, type pb } from '@fairlead/rpc';
import { isDeclaredId } from '../truth/declared.ts';
import { judgeSession } from '../decisions/sessions.ts';
import type { StatusBoard } from './board.ts';
import { StatusNews } from './news.ts';
import { statusToProto } from './proto.ts';
import type { TruthKeeper } from '../truth/truth-keeper.ts';

/** Which clusters' controllers watch now. */
export class Watchers {
  readonly #counts = new Map<string, number>();

  get clusters(): ReadonlySet<string> {
    return new Set(this.#counts.keys());
  }

  /** Counts `events` as a watch of the cluster for as long as it is read. */
  async *during<Event>(cluster: string, events: AsyncIterable<Event>): AsyncGenerator<Event> {
    this.#count(cluster, 1);
    try {
      yield* events;
    } finally {
      this.#count(cluster, -1);
    }
  }

  #count(cluster: string, step: 1 | -1): void {
    const count = (this.#counts.get(cluster) ?? 0) + step;
    if (count > 0) this.#counts.set(cluster, count);
    else this.#counts.delete(cluster);
  }
}

export interface WatchStatusRequest {
  readonly cluster: string;
  readonly session: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/**
 * Everything that is held for the cluster once, then changes, until the signal aborts or the session is superseded.
 * Of what a slow reader has not taken yet it gets only the newest of each load balancer, so that it costs a bounded
 * amount of memory and holds up nobody. That one is pending is told when it still is after a moment.
 */
export async function* watchStatus(
  sources: {
    readonly keeper: Pick<TruthKeeper, 'truth' | 'subscribe'>;
    readonly board: Pick<StatusBoard, 'all' | 'subscribe'>;
  },
  { cluster, session, signal }: WatchStatusRequest,
): AsyncGenerator<pb.WatchStatusResponse.$Properties> {
  const { keeper, board } = sources;
  const news = new StatusNews<pb.WatchStatusResponse.$Properties>();
  const stops = [
    board.subscribe(({ id, cluster: owner, status }) => {
      if (owner !== cluster || isDeclaredId(id)) return;
      const item = status === undefined ? { removed: id } : { status: statusToProto(status) };
      news.put(id, item, status?.state === 'PENDING');
    }),
    keeper.subscribe(({ changes }) => changes.sessions?.has(cluster) === true && news.wake()),
  ];
  const onAbort = () => news.wake();
  signal.addEventListener('abort', onAbort);
  try {
    mustReign(keeper, cluster, session);
    for (const status of Array.from(board.all())) {
      if (status.cluster === cluster && !isDeclaredId(status.id)) yield { status: statusToProto(status) };
    }
    yield { initialStateSent: {} };
    while (!signal.aborted) {
      mustReign(keeper, cluster, session);
      const item = news.take();
      if (item === undefined) await news.wait();
      else yield item;
    }
  } finally {
    for (const stop of stops) stop();
    signal.removeEventListener('abort', onAbort);
  }
}

function mustReign({ truth }: Pick<TruthKeeper, 'truth'>, cluster: string, session: number): void {
  const why = judgeSession(truth, cluster, session);
  if (why !== undefined) throw failure('FAILED_PRECONDITION', why.reason, why.message, why.field);
}
