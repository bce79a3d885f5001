import type { Clock } from '@fairlead/control-loop';

/** A clock that a test moves. */
export interface ManualClock extends Clock {
  /** Lets so many milliseconds pass, with all that falls due in them, and what follows from it. */
  advance(ms: number): Promise<void>;
  /** Lets time pass as for a process that was stopped: nothing runs meanwhile. */
  sleep(ms: number): void;
}

export function manualClock(): ManualClock {
  let now = 1_000_000;
  let timers: { due: number; act: () => void }[] = [];
  return {
    now: () => now,
    after(ms, act) {
      const timer = { due: now + ms, act };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    sleep(ms) {
      now += ms;
    },
    async advance(ms) {
      const until = now + ms;
      await settled();
      for (;;) {
        const next = timers.toSorted((a, b) => a.due - b.due)[0];
        if (next === undefined || next.due > until) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.due);
        next.act();
        await settled();
      }
      now = until;
    },
  };
}

/** Lets promises that can go on do so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
