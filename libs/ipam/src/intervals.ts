import type { AddressFamily, AddressRange } from '@fairlead/model';

/** First to last, both included, of one address family. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** The ranges of one family as sorted intervals that neither touch nor overlap. */
export function intervalsOf(ranges: readonly AddressRange[], family: AddressFamily): Interval[] {
  const sorted = ranges.filter((range) => range.family === family).sort((a, b) => compare(a.first, b.first));
  const merged: Interval[] = [];
  for (const { first, last } of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || first > previous.last + 1n) merged.push({ first, last });
    else if (last > previous.last) merged[merged.length - 1] = { first: previous.first, last };
  }
  return merged;
}

/** What is in `from` and not in `away`; both as `intervalsOf` makes them. */
export function subtract(from: readonly Interval[], away: readonly Interval[]): Interval[] {
  const left: Interval[] = [];
  for (const interval of from) {
    let first = interval.first;
    for (const hole of away) {
      if (hole.last < first) continue;
      if (hole.first > interval.last) break;
      if (hole.first > first) left.push({ first, last: hole.first - 1n });
      first = hole.last + 1n;
    }
    if (first <= interval.last) left.push({ first, last: interval.last });
  }
  return left;
}

/** How many addresses. */
export function sizeOf(intervals: readonly Interval[]): bigint {
  return intervals.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
}

export function contains(intervals: readonly Interval[], value: bigint): boolean {
  return intervals.some(({ first, last }) => first <= value && value <= last);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
