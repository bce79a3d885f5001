/** What a row of figures says, in the unit of the figures. `spread` is the distance from the 10th to the 90th percentile. */
export interface Summary {
  readonly count: number;
  readonly min: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  readonly spread: number;
}

/** Nearest-rank percentile, `fraction` from 0 to 1; throws on an empty list. */
export function percentile(figures: readonly number[], fraction: number): number {
  return nearestRank(
    figures.toSorted((a, b) => a - b),
    fraction,
  );
}

/** Throws on an empty list. */
export function summarise(figures: readonly number[]): Summary {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = (fraction: number): number => nearestRank(sorted, fraction);
  return {
    count: figures.length,
    min: at(0),
    p10: at(0.1),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
    spread: at(0.9) - at(0.1),
  };
}

function nearestRank(sorted: readonly number[], fraction: number): number {
  if (sorted.length === 0) throw new Error('no figures: nothing was measured');
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)]!;
}

/**
 * Ratio of A to B, pair by pair, where each pair was measured in turns next to each other: what slowed the machine down
 * slowed both. Throws unless both have the same number of figures.
 */
export function pairedRatios(a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length) throw new Error(`${a.length} figures against ${b.length}: they were not taken in turns`);
  return a.map((figure, turn) => figure / b[turn]!);
}
