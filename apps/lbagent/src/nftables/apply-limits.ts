import { limitedService } from '../planning/advance.ts';
import type { Notes } from '../apply.ts';
import { isRefusal } from './kernel.ts';
import type { Limit, Nftables } from './types.ts';
import { limitChange } from '../planning/limits.ts';
import type { Step } from '../planning/step.ts';

type LimitStep = Extract<Step, { kind: 'limit' }>;

/**
 * All together; if nft refuses that, each for itself, from what is really there by then. Says how many were done.
 * Throws when nft does not answer, or the table is gone.
 */
export async function applyLimits(steps: readonly Step[], nftables: Nftables, notes: Notes): Promise<number> {
  const limits = steps.filter((step) => step.kind === 'limit');
  if (limits.length === 0) return 0;
  try {
    await nftables.limit(limits.map(({ from, to }) => limitChange(from, to)));
    for (const step of limits) notes.note(step);
    return limits.length;
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const seen = new Map((await nftables.observe()).limits.map((each) => [limitedService(each), each]));
  let done = 0;
  for (const step of limits) if (await applyOne(step, seen.get(step.key), nftables, notes)) done += 1;
  return done;
}

async function applyOne(step: LimitStep, from: Limit | undefined, nftables: Nftables, notes: Notes): Promise<boolean> {
  try {
    if (from || step.to) await nftables.limit([limitChange(from, step.to)]);
    notes.note(step);
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    notes.failed.set(step.key, error.message);
    return false;
  }
}
