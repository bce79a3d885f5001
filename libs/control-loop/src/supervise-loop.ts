import { backOff, type BackOff } from './back-off.ts';
import { pause, systemClock, type Clock } from './clock.ts';

export interface LoopSettings {
  /** Ends the loop; also given to what runs. */
  readonly signal: AbortSignal;
  readonly backOff?: BackOff;
  /** One that ran so long had begun well: the next wait is the first again. 60 s unless given. */
  readonly wellAfterMs?: number;
  /** Called after each end, with the error or undefined for one that simply returned. */
  readonly onEnd?: (end: LoopEnd) => void;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface LoopEnd {
  readonly error: unknown;
  /** In a row, this one included. */
  readonly failures: number;
  readonly restartAfterMs: number;
}

/** From half a second to 30 s: for connections that should be there all the time. */
export const loopBackOff: BackOff = { firstMs: 500, maxMs: 30_000, jitter: 0.3 };

/**
 * Keeps something running that should never end: starts it, and when it ends or throws, starts it again after a growing
 * wait. Resolves when the signal has aborted and the last run has ended; never rejects.
 */
export async function superviseLoop(
  run: (signal: AbortSignal) => Promise<void>,
  settings: LoopSettings,
): Promise<void> {
  const { signal, onEnd, clock = systemClock, random = Math.random } = settings;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.now();
    const error = await outcomeOf(run, signal);
    if (signal.aborted) return;
    failures = clock.now() - startedAt >= (settings.wellAfterMs ?? 60_000) ? 1 : failures + 1;
    const restartAfterMs = backOff(failures, settings.backOff ?? loopBackOff, random());
    onEnd?.({ error, failures, restartAfterMs });
    await pause(clock, restartAfterMs, signal);
  }
}

async function outcomeOf(run: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<unknown> {
  try {
    await run(signal);
    return undefined;
  } catch (error) {
    return error ?? new Error('failed without saying why');
  }
}
