import type { Judged, JudgedGoal } from '../judge.ts';
import type { Unit } from '../scenario.ts';
import type { Summary } from '../statistics.ts';

/** Three digits at least, never a power of ten, thousands apart: 0.0123, 1.23, 12.3, 123, 12,345. */
export function number(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const text = value.toFixed(Math.min(digits, 4));
  const [whole, fraction] = text.split('.') as [string, string | undefined];
  const trimmed = fraction?.replace(/0+$/, '');
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (trimmed ? `.${trimmed}` : '');
}

export function withUnit(value: number, unit: Unit): string {
  if (unit === 'count') return number(value);
  return unit === '×' ? `${number(value)}×` : `${number(value)} ${unit}`;
}

/** For example "9.5 ms (8–21)": the median, and between which figures four of five lie. */
export function middleAndSpread(summary: Summary, unit: Unit): string {
  if (summary.min === summary.max) return withUnit(summary.p50, unit);
  return `${withUnit(summary.p50, unit)} (${number(summary.p10)}–${number(summary.p90)})`;
}

/** For example "p50 ≤ 20 ms"; a count's or a single figure's goal needs no "p50". */
export function goalText(goal: JudgedGoal, { unit }: Pick<Judged, 'unit'>): string {
  const sign = goal.atMost === undefined ? '≥' : '≤';
  const limit = goal.atMost ?? goal.atLeast ?? 0;
  if (goal.of !== 'ratio') return `${goal.of} ${sign} ${withUnit(limit, unit)}`;
  return `ratio ${sign} ${number(limit)}`;
}

/** For example "met" or "missed: 25.1 ms". */
export function outcomeText(goal: JudgedGoal, { unit }: Pick<Judged, 'unit'>): string {
  if (goal.met) return 'met';
  return `missed: ${goal.of === 'ratio' ? number(goal.value) : withUnit(goal.value, unit)}`;
}
