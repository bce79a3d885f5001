/** What a row of figures says, in the unit of the figures. `spread` is the distance from the 10th to the 90th percentile. */
export interface Summary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
  readonly spread: number;
}

/** Nearest-rank percentile, `fraction` from 0 to 1; throws on an empty list. */
export function percentile(figures: readonly number[], fraction: number): number {
  if (figures.length === 0) throw new Error('no figures: nothing was measured');
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)]!;
}

/** Throws on an empty list. */
export function summarise(figures: readonly number[]): Summary {
  const at = (fraction: number): number => percentile(figures, fraction);
  return { count: figures.length, p50: at(0.5), p99: at(0.99), min: at(0), max: at(1), spread: at(0.9) - at(0.1) };
}

/**
 * Ratio of A to B, pair by pair, where each pair was measured in turns next to each other: what slowed the machine down
 * slowed both. Throws unless both have the same number of figures.
 */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new Error(`${a.length} figures against ${b.length}: they were not taken in turns`);
  return a.map((figure, turn) => figure / b[turn]!);
}
