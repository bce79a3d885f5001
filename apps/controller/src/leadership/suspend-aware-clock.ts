import type { Clock } from '@fairlead/control-loop';

/**
 * A clock that goes on while the machine sleeps, which a monotonic clock does not: of the two, whichever went further
 * since the last look. A wall clock that is set forward counts as sleep; set back it is ignored.
 */
export function suspendAwareClock(clock: Clock, wallMs: () => number): Clock {
  let monotonic = clock.now();
  let wall = wallMs();
  let total = 0;
  return {
    now() {
      const [monotonicNow, wallNow] = [clock.now(), wallMs()];
      total += Math.max(monotonicNow - monotonic, wallNow - wall);
      [monotonic, wall] = [monotonicNow, wallNow];
      return total;
    },
    after: (ms, callback) => clock.after(ms, callback),
  };
}
