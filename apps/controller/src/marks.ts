import type { Clock } from '@fairlead/control-loop';
import type { Trace } from '@fairlead/telemetry';
import { newTrace } from '@fairlead/telemetry';

/** The stories behind marked keys: each begins with an event and goes with the key through queue, cloudagent and machines. */
export interface Marks {
  /** A key was marked; without a trace a new story begins, unless one waits already. */
  set(key: string, trace: Trace | undefined): void;
  /** The story to be worked on now. */
  take(key: string): Trace;
  /** The story of the last turn, which later news of the same load balancer belong to. */
  last(key: string): Trace | undefined;
  /** When the key was first marked; milliseconds of the clock. */
  firstSeen(key: string): number;
  forget(key: string): void;
}

export function createMarks(clock: Clock): Marks {
  const waiting = new Map<string, Trace>();
  const last = new Map<string, Trace>();
  const first = new Map<string, number>();
  return {
    set(key, trace) {
      if (!first.has(key)) first.set(key, clock.now());
      if (!waiting.has(key)) waiting.set(key, trace ?? newTrace());
    },
    take(key) {
      const trace = waiting.get(key) ?? last.get(key) ?? newTrace();
      waiting.delete(key);
      last.set(key, trace);
      return trace;
    },
    last: (key) => last.get(key),
    firstSeen: (key) => first.get(key) ?? clock.now(),
    forget(key) {
      last.delete(key);
      first.delete(key);
    },
  };
}
