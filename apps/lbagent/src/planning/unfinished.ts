import type { Reached } from '../pass.ts';
import type { Wanted } from '../wanted/wanted.ts';

/** What a pass left for later, by backend name. */
export interface Unfinished {
  /** A server there waits for its last connection, or for the end of its drain time. */
  readonly pending: ReadonlySet<string>;
  /** A server there stays until another one is alive. */
  readonly postponed: ReadonlySet<string>;
}

/** What the next pass may build upon, so that it need not plan everything. */
export interface Known extends Unfinished {
  /** What was wanted when the view was reached. */
  readonly wanted: Wanted;
}

/** Undefined when something failed or has no place yet: then all of it must be planned again. */
export function knownAfter(before: Known | undefined, wanted: Wanted, reached: Reached): Known | undefined {
  const { plan, applied, planned } = reached;
  if (applied.failed.size > 0 || plan.assignment.unplaced.length > 0) return undefined;
  const rest = (names: ReadonlySet<string> | undefined): readonly string[] =>
    planned === 'all' ? [] : [...(names ?? [])].filter((name) => !planned.has(name));
  return {
    wanted,
    pending: new Set([...rest(before?.pending), ...applied.pending]),
    postponed: new Set([...rest(before?.postponed), ...plan.postponed]),
  };
}
