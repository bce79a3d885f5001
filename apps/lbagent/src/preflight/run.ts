import type { Logger } from '@fairlead/telemetry';
import type { RunConfig } from '../config.ts';
import { findPrograms, type MachinePrograms } from '../programs.ts';
import { isHaproxyRunning, lookAtMachine } from './look.ts';
import { judge, mustEnd, problemsOf } from './preflight.ts';

/** What lbagent must not go on with, one line for each problem. */
export class PreflightFailed extends Error {
  override name = 'PreflightFailed';
}

export interface Preflight {
  readonly programs: MachinePrograms;
  /** What a person should see to, one sentence each; it goes on all the same. */
  readonly problems: readonly string[];
}

/** Looks before anything is touched. Throws PreflightFailed with all that is wrong, unless haproxy serves already. */
export async function preflight(
  config: RunConfig,
  { path, log }: { readonly path: string; readonly log: Logger },
): Promise<Preflight> {
  const [{ programs, seen }, isServing] = await Promise.all([findPrograms(config, path), isHaproxyRunning(config)]);
  const now = Date.now();
  const checks = judge(await lookAtMachine({ config, programs, seen, isServing, isRunning: false, now }));
  const problems = problemsOf(checks);
  if (mustEnd(checks, isServing)) throw new PreflightFailed(problems.join('\n'));
  for (const problem of problems) log.error(problem);
  return { programs, problems };
}

/** How often what was wrong at the start is looked at again; milliseconds. */
const LOOK_AGAIN_MS = 15_000;

/** Tells what is still wrong whenever that changes, until nothing is. Returns how to stop. */
export function watchProblems(
  { config, path }: { readonly config: RunConfig; readonly path: string },
  first: readonly string[],
  onProblems: (problems: readonly string[]) => void,
): () => void {
  let stopped = first.length === 0;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const [found, isServing] = await Promise.all([findPrograms(config, path), isHaproxyRunning(config)]);
    const facts = await lookAtMachine({ config, ...found, isServing, isRunning: true, now: Date.now() });
    const problems = problemsOf(judge(facts));
    if (stopped) return;
    onProblems(problems);
    if (problems.length > 0) later();
  };
  const later = (): void => {
    timer = setTimeout(() => void look().catch(later), LOOK_AGAIN_MS).unref();
  };
  onProblems(first);
  if (!stopped) later();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
