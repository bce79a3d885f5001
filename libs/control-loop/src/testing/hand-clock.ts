import type { Clock } from '../clock.ts';

/** A clock that stands still until it is moved. */
export interface HandClock extends Clock {
  /** Moves on, calling back what falls due, in order, and lets promises settle after each. */
  advance(ms: number): Promise<void>;
  readonly pending: number;
}

export function handClock(): HandClock {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  const next = (until: number) => [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
  return {
    now: () => now,
    after(ms, callback) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.callback();
        await settle();
      }
      now = until;
    },
  };
}

/** Lets everything that waits for promises only go on as far as it can. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
