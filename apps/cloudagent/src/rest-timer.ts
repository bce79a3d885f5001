import { endRests, nextRestEnd } from './decisions/serve-waiters.ts';
import type { TruthKeeper } from './truth/truth-keeper.ts';

export interface RestTimerSettings {
  readonly keeper: TruthKeeper;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** Longest delay that a timer takes (https://nodejs.org/api/timers.html). */
const MAX_DELAY_MS = 2 ** 31 - 1;
const RETRY_MS = 1_000;

/** Ends the rest of each freed address when its time has come, so that who waits gets it at once. Returns how to stop. */
export function startRestTimer({ keeper, now, onError }: RestTimerSettings): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const schedule = (atLeast = 0): void => {
    clearTimeout(timer);
    const next = nextRestEnd(keeper.truth);
    if (stopped || next === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(() => void end(), Math.min(Math.max(next - now(), atLeast), MAX_DELAY_MS));
  };
  const end = async (): Promise<void> => {
    try {
      await keeper.change((truth) => endRests(truth, now()));
      schedule();
    } catch (error) {
      onError(error);
      schedule(RETRY_MS);
    }
  };
  const unsubscribe = keeper.subscribe(({ changes }) => {
    if (changes.release !== undefined || changes.hold !== undefined) schedule();
  });
  schedule();
  return () => {
    stopped = true;
    unsubscribe();
    clearTimeout(timer);
  };
}
