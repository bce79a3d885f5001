import { setTimeout as sleep } from 'node:timers/promises';

/** Work of which only the newest request matters. */
export interface Coalesced {
  /** Runs the work soon; several requests before it starts are one. */
  request(): void;
  /** Waits for what runs, then runs this alone; what was requested before and had not started is dropped. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing runs and nothing is requested. */
  settled(): Promise<void>;
}

export interface CoalesceSettings {
  readonly work: () => Promise<void>;
  readonly onError: (error: unknown) => void;
  /**
   * Pause before each run and between two, so that a storm of changes does not become a storm of runs, and the first
   * change is answered before it is written down; in milliseconds.
   */
  readonly pauseMs: number;
}

export function coalesce({ work, onError, pauseMs }: CoalesceSettings): Coalesced {
  let requested = false;
  let last: Promise<void> = Promise.resolve();
  let running = false;
  const loop = async (): Promise<void> => {
    await sleep(pauseMs);
    while (requested) {
      requested = false;
      const startedAt = performance.now();
      await work().catch(onError);
      const busyMs = performance.now() - startedAt;
      if (requested) await sleep(Math.max(pauseMs, 5 * busyMs));
    }
    running = false;
  };
  return {
    request() {
      requested = true;
      if (running) return;
      running = true;
      last = last.then(loop);
    },
    alone(action) {
      const result = last.then(() => {
        requested = false;
        return action();
      });
      last = result.then(
        () => undefined,
        () => undefined,
      );
      return result;
    },
    settled: async () => {
      let seen: Promise<void> | undefined;
      while (seen !== last) {
        seen = last;
        await seen;
      }
    },
  };
}
