import type { Random } from './random.ts';

/** What is done to Services in one step. */
export interface Step {
  readonly create: readonly string[];
  readonly remove: readonly string[];
}

export interface ChurnPlan {
  readonly steps: readonly Step[];
  /** What is there after the last step. */
  readonly left: readonly string[];
}

/**
 * PURE. Creates `services` Services in `steps` steps, and removes some of those that earlier steps made. Of about every
 * fifth the name was that of one removed before; these stay, since nobody knows when their name will be free.
 */
export function planChurn(random: Random, { steps, services }: { steps: number; services: number }): ChurnPlan {
  const there = new Set<string>();
  const again = new Set<string>();
  const free: string[] = [];
  const planned: Step[] = [];
  let made = 0;
  for (let step = 1; step <= steps; step++) {
    const remove = [...there].filter((name) => !again.has(name) && random.next() < 0.08);
    const create: string[] = [];
    for (; made < Math.round((services * step) / steps); made++) {
      const old = random.next() < 0.2 ? free.shift() : undefined;
      if (old !== undefined) again.add(old);
      create.push(old ?? `churn-${made}`);
    }
    for (const name of remove) there.delete(name);
    for (const name of create) there.add(name);
    free.push(...remove);
    planned.push({ create, remove });
  }
  return { steps: planned, left: [...there].sort() };
}
