/** What the checks of nodes have done lately. Times are milliseconds of one monotonic clock. */
export interface Wavering {
  /** By check. */
  readonly checks: ReadonlyMap<string, { readonly passes: boolean; readonly falls: readonly number[] }>;
  readonly lossyUntil: number;
}

export const STEADY: Wavering = { checks: new Map(), lossyUntil: Number.NEGATIVE_INFINITY };

const WINDOW_MS = 15_000;
/** A node that is restarted falls once. */
const FALLS = 2;
/** So long after it was last seen. */
const LASTS_MS = 30_000;

/**
 * What is thought after a round, given which checks pass now. Where two thirds of the checks have passed and failed again
 * and again within 15 s it is not the nodes but the way to them that loses packets. That the nodes themselves are to
 * blame cannot be told from here; then the other machines think the same, and nothing comes of it.
 */
export function noteChecks(before: Wavering, passing: ReadonlyMap<string, boolean>, now: number): Wavering {
  const checks = new Map(
    [...passing].map(([key, passes]) => {
      const known = before.checks.get(key);
      const falls = (known?.falls ?? []).filter((at) => now - at < WINDOW_MS);
      return [key, { passes, falls: known?.passes === true && !passes ? [...falls, now] : falls }];
    }),
  );
  const wavering = [...checks.values()].filter(({ falls }) => falls.length >= FALLS).length;
  const lossy = checks.size > 0 && wavering * 3 >= checks.size * 2;
  return { checks, lossyUntil: lossy ? now + LASTS_MS : before.lossyUntil };
}

/** Whether this machine loses packets, as far as its nodes' checks can tell. */
export function isLossy({ lossyUntil }: Wavering, now: number): boolean {
  return now < lossyUntil;
}
