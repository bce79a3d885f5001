export interface BackOff {
  /** Wait after the first failure. */
  readonly firstMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
  /** How much of a wait may be taken off at random, 0 to 1, so that many who failed together do not return together. */
  readonly jitter: number;
}

/** What Kubernetes' service controller does: 5 s, doubled up to 5 min. */
export const defaultBackOff: BackOff = { firstMs: 5_000, maxMs: 300_000, jitter: 0.2 };

/**
 * PURE. Milliseconds to wait after this many failures in a row: doubles from `firstMs` to `maxMs`, less the jitter. No
 * failure, no wait. `random` is in [0, 1).
 */
export function backOff(failures: number, { firstMs, maxMs, jitter }: BackOff, random: number): number {
  if (failures <= 0) return 0;
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 60));
  return Math.round(full * (1 - jitter * random));
}
