import type { Figure, Goal, Statistic, Turns, Unit } from './scenario.ts';
import { pairedRatios, percentile, type Summary, summarise } from './statistics.ts';

/** A figure as it is kept: summed up, beside its baseline, and held against its goals. */
export interface Judged {
  readonly name: string;
  readonly unit: Unit;
  readonly turns: number;
  readonly measured: Summary;
  readonly baseline?: { readonly name: string; readonly measured: Summary };
  /** To the baseline, turn by turn. */
  readonly ratio?: { readonly of: Statistic; readonly measured: Summary };
  readonly goals: readonly JudgedGoal[];
  readonly plotted: boolean;
  readonly note?: string;
}

export interface JudgedGoal extends Goal {
  readonly value: number;
  readonly met: boolean;
}

/** Throws when nothing was measured, or a goal for the ratio has no baseline. */
export function judge(figure: Figure): Judged {
  const { name, unit, turns, baseline, note } = figure;
  const of = figure.compared ?? 'p50';
  const measured = summarise(turns.flat());
  const ratio = baseline && summarise(pairedRatios(eachTurn(turns, of), eachTurn(baseline.turns, of)));
  const goals = (figure.goals ?? []).map((goal) =>
    judgeGoal(goal, goal.of === 'ratio' ? ratio?.p50 : measured[goal.of]),
  );
  return {
    name,
    unit,
    turns: turns.length,
    measured: rounded(measured),
    ...(baseline ? { baseline: { name: baseline.name, measured: rounded(summarise(baseline.turns.flat())) } } : {}),
    ...(ratio ? { ratio: { of, measured: rounded(ratio) } } : {}),
    goals,
    plotted: figure.plotted ?? true,
    ...(note === undefined ? {} : { note }),
  };
}

function eachTurn(turns: Turns, of: Statistic): number[] {
  const fraction = { p50: 0.5, p99: 0.99, max: 1 }[of];
  return turns.map((turn) => percentile(turn, fraction));
}

function judgeGoal(goal: Goal, value: number | undefined): JudgedGoal {
  if (value === undefined) throw new Error('a goal for the ratio needs a baseline');
  const met = value <= (goal.atMost ?? Infinity) && value >= (goal.atLeast ?? -Infinity);
  return { ...goal, value: significant(value), met };
}

function rounded(summary: Summary): Summary {
  const entries = Object.entries(summary) as [keyof Summary, number][];
  return Object.fromEntries(entries.map(([key, value]) => [key, significant(value)])) as unknown as Summary;
}

/** Four digits say all that a measurement can. */
function significant(value: number): number {
  return Number(value.toPrecision(4));
}
