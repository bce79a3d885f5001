import type { Step } from './churn-plan.ts';
import type { Random } from './random.ts';

/** A controller's life until it comes to the failpoint, and what users do meanwhile. */
export interface Crash extends Step {
  readonly failpoint: string;
}

export interface CrashPlan {
  readonly crashes: readonly Crash[];
  /** Services that are there at the end, in order. */
  readonly left: readonly string[];
}

/** Names of failpoints that a Service passes when it is made, and when it is removed. */
export interface Failpoints {
  readonly ofCreation: readonly string[];
  readonly ofDeletion: readonly string[];
}

const SERVICES = 100;
const DOOMED = 50;

/**
 * PURE. Three lives for each failpoint. A hundred Services are made while it dies where they are made, two of each step
 * removed again before anybody can know how far they came; then fifty of the others are removed while it dies where they
 * are removed.
 */
export function planCrashes(random: Random, { ofCreation, ofDeletion }: Failpoints): CrashPlan {
  const thrice = (names: readonly string[]) =>
    random.shuffle([...names, ...names, ...names]).map((name) => `${name}:${random.between(1, 4)}`);
  const names = Array.from({ length: SERVICES }, (_, index) => `churn-${index}`);
  const making = thrice(ofCreation);
  const made = slices(names, making.length);
  const hasty = made.map((step) => step.slice(0, 2));
  const lasting = names.filter((name) => !hasty.slice(0, -1).flat().includes(name));
  const doomed = random.shuffle(lasting).slice(0, DOOMED);
  const removing = thrice(ofDeletion);
  const removed = slices(doomed, removing.length);
  return {
    crashes: [
      ...making.map((failpoint, index) => ({ failpoint, create: made[index]!, remove: hasty[index - 1] ?? [] })),
      ...removing.map((failpoint, index) => ({ failpoint, create: [], remove: removed[index]! })),
    ],
    left: lasting.filter((name) => !doomed.includes(name)).sort(),
  };
}

/** As many slices, of nearly the same length. */
function slices(items: readonly string[], count: number): string[][] {
  const at = (index: number) => Math.round((items.length * index) / count);
  return Array.from({ length: count }, (_, index) => items.slice(at(index), at(index + 1)));
}
