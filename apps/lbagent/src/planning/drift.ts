import type { Reached } from '../pass.ts';
import type { Known } from './unfinished.ts';
import type { Wanted } from '../wanted/wanted.ts';

/** A pass that left nothing to do. */
export interface Settled {
  readonly wanted: Wanted;
  readonly owned: string;
  readonly workerPid: number;
}

/** What may be relied on after a pass, or undefined when it, or one before it, left something undone. */
export function settledBy(known: Known | undefined, { view }: Reached): Settled | undefined {
  if (!known || known.pending.size > 0 || known.postponed.size > 0) return undefined;
  return { wanted: known.wanted, owned: view.owned.join(' '), workerPid: view.worker.info.pid };
}

/**
 * How many differences a pass found that nobody wanted: after a settled pass, with the same state wanted, the same
 * addresses owned and the same worker, there should be none.
 */
export function driftOf(before: Settled | undefined, wanted: Wanted, reached: Reached): number {
  const now = { wanted, owned: reached.view.owned.join(' '), workerPid: reached.view.worker.info.pid };
  if (!before || before.wanted !== now.wanted || before.owned !== now.owned) return 0;
  const steps = before.workerPid === now.workerPid ? reached.plan.steps.length : 0;
  return steps + reached.repairs.length;
}
