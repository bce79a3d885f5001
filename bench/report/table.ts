import type { ScenarioResult } from '../results.ts';
import { goalText, middleAndSpread, number, outcomeText, withUnit } from './words.ts';

export const HEADER = ['', 'median (p10–p90)', 'p99', 'baseline', 'ratio', 'goal', ''] as const;

/** A row for each figure, a cell for each column of the header. */
export function rowsOf({ figures }: Pick<ScenarioResult, 'figures'>): readonly (readonly string[])[] {
  return figures.map((figure) => [
    figure.name,
    middleAndSpread(figure.measured, figure.unit),
    figure.measured.count > 1 ? withUnit(figure.measured.p99, figure.unit) : '',
    figure.baseline ? middleAndSpread(figure.baseline.measured, figure.unit) : '',
    figure.ratio
      ? `${number(figure.ratio.measured.p50)} (${number(figure.ratio.measured.p10)}–${number(figure.ratio.measured.p90)})`
      : '',
    figure.goals.map((goal) => goalText(goal, figure)).join(', '),
    figure.goals.map((goal) => outcomeText(goal, figure)).join(', '),
  ]);
}

/** For a terminal: columns in line, two spaces apart. */
export function renderTable(result: Pick<ScenarioResult, 'figures'>): string {
  const rows = [HEADER, ...rowsOf(result)];
  const used = HEADER.map((_, column) => column).filter((column) => rows.slice(1).some((row) => row[column] !== ''));
  const widths = used.map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      used
        .map((column, index) => row[column]!.padEnd(widths[index]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
