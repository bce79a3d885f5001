import type { RunConfig } from './config.ts';
import { becomeOwnerOf } from './processes/owner.ts';
import { isHaproxyRunning, isLbagentRunning, lookAtMachine } from './preflight/look.ts';
import { type Check, judge } from './preflight/preflight.ts';
import { findPrograms } from './programs.ts';

/**
 * Looks at everything that lbagent needs here, whether it runs or not, and changes nothing. Root looks at directories as
 * the user to whom they belong.
 */
export async function checkMachine(config: RunConfig, path: string): Promise<readonly Check[]> {
  const [{ programs, seen }, isServing, isRunning] = await Promise.all([
    findPrograms(config, path),
    isHaproxyRunning(config),
    isLbagentRunning(config),
  ]);
  const onPrivileged = (): void => becomeOwnerOf(config.stateDir);
  return judge(await lookAtMachine({ config, programs, seen, isServing, isRunning, onPrivileged, now: Date.now() }));
}

/** One line each: `ok` and what was looked at, or `not ok` and what to do. PURE. */
export function renderChecks(checks: readonly Check[]): string {
  const lines = checks.map(({ what, problem }) =>
    problem === undefined ? `ok      ${what}\n` : `not ok  ${problem}\n`,
  );
  return [...new Set(lines)].join('');
}
