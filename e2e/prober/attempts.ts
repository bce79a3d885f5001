import type { Outage, ProbeReport } from './protocol.ts';

/** One connection, as the client saw it. Times in milliseconds of a monotonic clock. */
export interface Attempt {
  readonly start: number;
  readonly end: number;
  /** Why it failed; undefined when it was good. */
  readonly failure: string | undefined;
  readonly backend: string;
}

/** Sums up attempts, given in any order. `wallClock` turns their clock into milliseconds since the epoch. */
export function summarise(
  attempts: readonly Attempt[],
  proberLateMs: number,
  wallClock: (time: number) => number,
): ProbeReport {
  const inOrder = attempts.toSorted((a, b) => a.start - b.start);
  const good = inOrder.filter((attempt) => attempt.failure === undefined);
  const outages = outagesIn(inOrder, wallClock);
  return {
    attempts: inOrder.length,
    ok: good.length,
    failed: inOrder.length - good.length,
    failures: countBy(inOrder.flatMap((attempt) => (attempt.failure === undefined ? [] : [attempt.failure]))),
    backends: countBy(good.map((attempt) => attempt.backend)),
    latencyMs: percentiles(good.map((attempt) => attempt.end - attempt.start)),
    longestOutageMs: outages.reduce((longest, { ms }) => Math.max(longest, ms), 0),
    outages: outages.slice(0, 100),
    proberLateMs: round(proberLateMs),
  };
}

function outagesIn(inOrder: readonly Attempt[], wallClock: (time: number) => number): Outage[] {
  const outages: Outage[] = [];
  let first: Attempt | undefined;
  let count = 0;
  const close = (end: number, open: boolean) => {
    if (!first) return;
    outages.push({
      from: new Date(wallClock(first.start)).toISOString(),
      ms: round(end - first.start),
      attempts: count,
      open,
    });
    first = undefined;
    count = 0;
  };
  for (const attempt of inOrder) {
    if (attempt.failure === undefined) {
      close(attempt.start, false);
      continue;
    }
    first ??= attempt;
    count += 1;
  }
  close(inOrder.at(-1)?.end ?? 0, true);
  return outages;
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function percentiles(values: readonly number[]): ProbeReport['latencyMs'] {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
