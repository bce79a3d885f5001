import { pause, systemClock } from '@fairlead/control-loop';
import { explainFailure } from '@fairlead/telemetry';

/** How often a port that is taken is tried again; milliseconds. */
const TRY_EVERY_MS = 3_000;

/**
 * What `listen` opens, as soon as it can: a port may be somebody else's for a while. `onProblem` hears why it cannot yet,
 * each new reason once, and undefined when it could. Undefined when told to stop.
 */
export async function untilListening<Server>(
  listen: () => Promise<Server>,
  signal: AbortSignal,
  onProblem: (why: string | undefined) => void,
): Promise<Server | undefined> {
  let told: string | undefined;
  while (!signal.aborted) {
    try {
      const server = await listen();
      if (told !== undefined) onProblem(undefined);
      return server;
    } catch (error) {
      const why = explainFailure(error);
      if (why !== told) onProblem(why);
      told = why;
    }
    await pause(systemClock, TRY_EVERY_MS, signal);
  }
  return undefined;
}
