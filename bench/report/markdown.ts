import type { Results, ScenarioResult } from '../results.ts';
import { plotsOf } from './plots.ts';
import { HEADER, rowsOf } from './table.ts';

/** The page, as Markdown that wants formatting; plots are beside it in `performance/`. */
export function renderMarkdown(results: Results): string {
  const goals = results.scenarios.flatMap(({ figures }) => figures.flatMap((figure) => figure.goals));
  const missed = goals.filter(({ met }) => !met).length;
  return [
    '# Performance',
    '',
    `Rendered from \`performance.json\`, which \`${results.command}\` wrote; \`npm run bench -- --report\` renders it again.`,
    results.quick ? '**A quick run: it only shows that the bench works.**' : '',
    `Goals: ${goals.length - missed} of ${goals.length} met.`,
    '',
    'Every figure stands beside what a user would have otherwise, measured in turns with it in the same run on the same machine. A ratio is taken turn by turn, so that what slowed the machine down slowed both. The spread is from the 10th to the 90th percentile. One machine plays all parts, clients and backends too: trust ratios more than absolute figures.',
    '',
    ...keyValues(results.machine, results.versions),
    ...results.scenarios.flatMap(section),
  ].join('\n');
}

function keyValues(machine: Results['machine'], versions: Results['versions']): string[] {
  const line = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ');
  return [`- Machine: ${line(machine)}`, `- Versions: ${line(versions)}`, ''];
}

function section(scenario: ScenarioResult): string[] {
  const used = HEADER.map((_, column) => column).filter((column) => rowsOf(scenario).some((row) => row[column] !== ''));
  const row = (cells: readonly string[]) =>
    `| ${used.map((column) => cells[column]!.replaceAll('|', '\\|')).join(' | ')} |`;
  const baselines = [...new Set(scenario.figures.flatMap(({ baseline }) => baseline?.name ?? []))];
  const notes = scenario.figures.flatMap(({ name, note }) => (note === undefined ? [] : [`- ${name}: ${note}`]));
  const plots = plotsOf(scenario);
  return [
    `## ${scenario.title}`,
    '',
    scenario.how,
    '',
    ...(baselines.length > 0 ? [`Baseline: ${baselines.join('; ')}.`, ''] : []),
    row(HEADER),
    `|${used.map(() => ' --- |').join('')}`,
    ...rowsOf(scenario).map(row),
    '',
    ...(notes.length > 0 ? [...notes, ''] : []),
    ...plots.flatMap(({ file, title }) => [`![${title}](performance/${file})`, '']),
    `\`npm run bench -- ${scenario.name}\`, fairlead ${scenario.fairlead}, ${scenario.at.slice(0, 10)}, ${Math.round(scenario.seconds)} s, load average ${scenario.load} at the start.`,
    '',
  ];
}
