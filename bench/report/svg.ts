import type { Judged } from '../judge.ts';
import type { Unit } from '../scenario.ts';
import type { Summary } from '../statistics.ts';
import { axisOf, type Axis } from './axis.ts';
import { number, withUnit } from './words.ts';

export interface Plot {
  readonly title: string;
  readonly unit: Unit;
  readonly figures: readonly Judged[];
}

/** Of the part with the axis. */
const BREADTH = 470;
const LEAST_LEFT = 300;
/** As much as a letter of a label may take. */
const LETTER = 7;
const RIGHT = 90;
const TOP = 64;
const ROW = 44;
const BOTTOM = 40;

/**
 * A row for each figure: a dot at the median, a bar from p10 to p90, a thin line to p99; ours above, the baseline below,
 * and a dashed line at each goal. Readable on light and dark pages, and without colours.
 */
export function renderPlot({ title, unit, figures }: Plot): string {
  const left = Math.max(LEAST_LEFT, 24 + LETTER * Math.max(...figures.map(({ name }) => name.length)));
  const width = left + BREADTH + RIGHT;
  const axis = axisOf(figures.flatMap(extremes), { from: left, to: width - RIGHT });
  const height = TOP + figures.length * ROW + BOTTOM;
  const baseline = figures.some((figure) => figure.baseline !== undefined);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${width}" height="${height}" rx="6"/>`,
    text(16, 26, title, 'title'),
    ...legend(baseline, figures.some(goalsShown)),
    ...axis.ticks.flatMap((tick) => [
      `<line class="grid" x1="${at(axis, tick)}" y1="${TOP}" x2="${at(axis, tick)}" y2="${height - BOTTOM}"/>`,
      text(axis.place(tick), height - BOTTOM + 18, number(tick), 'small middle'),
    ]),
    text(width - RIGHT, height - 8, `${unit}${axis.logarithmic ? ', each step ten times the last' : ''}`, 'small end'),
    ...figures.flatMap((figure, index) => {
      const y = TOP + index * ROW;
      return [text(left - 12, y + ROW / 2 + 4, figure.name, 'label end'), ...row(figure, y, axis)];
    }),
    '</svg>',
    '',
  ].join('\n');
}

function row(figure: Judged, y: number, axis: Axis): string[] {
  const middle = y + ROW / 2;
  const { baseline, measured, unit } = figure;
  const ours = baseline ? middle - 8 : middle;
  return [
    ...(baseline ? range(baseline.measured, middle + 8, axis, 'theirs') : []),
    ...range(measured, ours, axis, 'ours'),
    text(axis.place(Math.max(measured.p99, measured.p50)) + 8, ours + 4, withUnit(measured.p50, unit), 'small'),
    ...(baseline
      ? [
          text(
            axis.place(Math.max(baseline.measured.p99, baseline.measured.p50)) + 8,
            middle + 12,
            withUnit(baseline.measured.p50, unit),
            'small',
          ),
        ]
      : []),
    ...limitsOf(figure).map(
      (limit) =>
        `<line class="goal" x1="${at(axis, limit)}" y1="${y + 4}" x2="${at(axis, limit)}" y2="${y + ROW - 4}"/>`,
    ),
  ];
}

function range(summary: Summary, y: number, axis: Axis, kind: 'ours' | 'theirs'): string[] {
  const x = (value: number) => at(axis, value);
  const width = (axis.place(summary.p90) - axis.place(summary.p10)).toFixed(1);
  const mark =
    kind === 'ours'
      ? `<circle class="${kind}" cx="${x(summary.p50)}" cy="${y}" r="5"/>`
      : `<rect class="${kind}" x="${(axis.place(summary.p50) - 4).toFixed(1)}" y="${y - 4}" width="8" height="8"/>`;
  return [
    `<line class="${kind} thin" x1="${x(summary.min)}" y1="${y}" x2="${x(summary.p99)}" y2="${y}"/>`,
    `<rect class="${kind} bar" x="${x(summary.p10)}" y="${y - 4}" width="${width}" height="8"/>`,
    mark,
  ];
}

function legend(baseline: boolean, goals: boolean): string[] {
  const y = 46;
  const ours = [
    `<circle class="ours" cx="22" cy="${y - 4}" r="5"/>`,
    text(34, y, 'Fairlead, median; bar p10–p90, line to p99', 'small'),
  ];
  const theirs = [
    `<rect class="theirs" x="318" y="${y - 8}" width="8" height="8"/>`,
    text(334, y, 'baseline', 'small'),
  ];
  const goal = [`<line class="goal" x1="412" y1="${y - 12}" x2="412" y2="${y + 2}"/>`, text(422, y, 'goal', 'small')];
  return [...ours, ...(baseline ? theirs : []), ...(goals ? goal : [])];
}

function goalsShown(figure: Judged): boolean {
  return limitsOf(figure).length > 0;
}

/** Limits in the figure's own unit; those for ratios have no place on its axis. */
function limitsOf({ goals }: Judged): number[] {
  return goals.flatMap((goal) => (goal.of === 'ratio' ? [] : [goal.atMost ?? goal.atLeast!]));
}

function extremes(figure: Judged): number[] {
  const summaries = [figure.measured, ...(figure.baseline ? [figure.baseline.measured] : [])];
  return [...summaries.flatMap(({ min, p50, p99 }) => [min, p50, p99]), ...limitsOf(figure)];
}

function at(axis: Axis, value: number): string {
  return axis.place(value).toFixed(1);
}

function text(x: number, y: number, content: string, classes: string): string {
  return `<text class="${classes}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const STYLE = [
  'text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}.small{font-size:11px;fill:#57606a}',
  '.end{text-anchor:end}.middle{text-anchor:middle}.paper{fill:#fff}.grid{stroke:#d8dee4}',
  '.ours{fill:#0969da;stroke:#0969da}.theirs{fill:#bc4c00;stroke:#bc4c00}.thin{stroke-width:1.5}.bar{opacity:.35;stroke:none}',
  '.goal{stroke:#1a7f37;stroke-width:2;stroke-dasharray:4 3}',
  '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.paper{fill:#0d1117}.grid{stroke:#30363d}',
  '.ours{fill:#58a6ff;stroke:#58a6ff}.theirs{fill:#f0883e;stroke:#f0883e}.goal{stroke:#3fb950}}',
].join('');
