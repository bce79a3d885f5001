import type { Judged } from '../judge.ts';
import type { ScenarioResult } from '../results.ts';
import { renderPlot } from './svg.ts';

export interface PlotFile {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** One plot for each unit of a scenario that has something to compare, or at least two figures. */
export function plotsOf(scenario: Pick<ScenarioResult, 'name' | 'title' | 'figures'>): readonly PlotFile[] {
  const units = [...new Set(scenario.figures.map(({ unit }) => unit))].filter((unit) => unit !== 'count');
  return units.flatMap((unit) => {
    const figures = scenario.figures.filter((figure) => figure.plotted && figure.unit === unit);
    if (!worthPlotting(figures)) return [];
    const title = `${scenario.title} (${unit})`;
    return [{ file: `${scenario.name}-${slug(unit)}.svg`, title, svg: renderPlot({ title, unit, figures }) }];
  });
}

function worthPlotting(figures: readonly Judged[]): boolean {
  return figures.length > 1 || figures.some(({ baseline }) => baseline !== undefined);
}

function slug(unit: string): string {
  return unit
    .replace('×', 'ratio')
    .replace('1/s', 'per-second')
    .replace('%', 'percent')
    .replaceAll(/[^A-Za-z]+/g, '-')
    .toLowerCase();
}
