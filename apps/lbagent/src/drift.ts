import type { Reached } from './pass.ts';
import type { Wanted } from './wanted.ts';

/** A pass that left nothing to do. */
export interface Settled {
  readonly wanted: Wanted;
  readonly owned: string;
  readonly workerPid: number;
}

/** What may be relied on after a pass, or undefined when it left something undone. */
export function settledBy(wanted: Wanted, reached: Reached): Settled | undefined {
  const { plan, applied } = reached;
  if (applied.failed.size > 0 || applied.pending.size > 0 || plan.postponed.length > 0) return undefined;
  if (plan.assignment.unplaced.length > 0) return undefined;
  return { wanted, owned: reached.view.owned.join(' '), workerPid: reached.view.worker.info.pid };
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
