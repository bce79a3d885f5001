import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { judge } from './judge.ts';
import { renderReport, staleFiles, writeReport } from './report.ts';
import { renderTable } from './report/table.ts';
import { type Results, withScenario } from './results.ts';

const FIGURE = judge({
  name: 'machine lost | 10 VIPs <&>',
  unit: 'ms',
  turns: [[80], [100], [1234]],
  baseline: { name: 'keepalived as it comes', turns: [[2800], [3000], [3400]] },
  goals: [
    { of: 'p50', atMost: 120 },
    { of: 'max', atMost: 120 },
  ],
  note: 'the last turn met a busy machine',
});
const SCENARIO = {
  name: 'outage',
  title: 'Outage',
  fairlead: '1.2.3 (abc)',
  at: '2026-01-02T03:04:05Z',
  seconds: 61.2,
  load: 0.5,
  how: 'So.',
};
const RESULTS: Results = {
  command: 'npm run bench',
  quick: false,
  machine: { cores: '2' },
  versions: { haproxy: '2.6.12' },
  scenarios: [{ ...SCENARIO, figures: [FIGURE] }],
};

it('the page shows each figure beside its baseline and its goals, met or missed, and what to type', async () => {
  const page = (await renderReport(RESULTS)).get('performance.md')!;
  for (const part of [
    'Goals: 1 of 2 met.',
    '100 ms (80–1,234)',
    '3,000 ms (2,800–3,400)',
    'p50 ≤ 120 ms, max ≤ 120 ms',
    'met, missed: 1,234 ms',
    'Baseline: keepalived as it comes.',
    'the last turn met a busy machine',
    '![Outage (ms)](performance/outage-ms.svg)',
    '`npm run bench -- outage`, fairlead 1.2.3 (abc), 2026-01-02, 61 s, load average 0.5 at the start.',
    'cores 2',
    'haproxy 2.6.12',
  ]) {
    expect(page).toContain(part);
  }
});

it('the plot has a row for each figure, on paper of its own for light and dark pages', async () => {
  const plot = (await renderReport(RESULTS)).get('performance/outage-ms.svg')!;
  expect(plot).toContain('machine lost | 10 VIPs &lt;&amp;&gt;');
  expect(plot).toContain('prefers-color-scheme:dark');
  expect(plot).not.toMatch(/NaN|Infinity|undefined/);
  expect(plot.match(/<circle class="ours"/g)).toHaveLength(2);
});

it('the plot is as wide as its longest label wants', async () => {
  const labelled = async (name: string) => {
    const figures = [{ ...FIGURE, name }];
    return (await renderReport({ ...RESULTS, scenarios: [{ ...SCENARIO, figures }] })).get(
      'performance/outage-ms.svg',
    )!;
  };
  const endOf = (plot: string) => Number(/<text class="label end" x="([\d.]+)"/.exec(plot)?.[1]);
  expect(endOf(await labelled('short'))).toBe(288);
  expect(endOf(await labelled('long '.repeat(20)))).toBeGreaterThan(100 * 6.5);
});

it('the terminal gets the same rows, without columns that nobody filled', () => {
  const [header, row] = renderTable(RESULTS.scenarios[0]!).split('\n');
  expect(header).toMatch(/^ +median \(p10–p90\) +p99 +baseline +ratio +goal$/);
  expect(row).toMatch(/^machine lost \| 10 VIPs <&> +100 ms \(80–1,234\) +1,234 ms +3,000 ms .* missed: 1,234 ms$/);
  const bare = renderTable({ figures: [judge({ name: 'duplicates', unit: 'count', turns: [[0]] })] });
  expect(bare.split('\n').map((line) => line.trim())).toEqual(['median (p10–p90)', 'duplicates  0']);
});

it('a report that is not what its results render to is told of, and so is a plot that no result has', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'report-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  await writeReport(directory, RESULTS);
  expect(await staleFiles(directory, RESULTS)).toEqual([]);
  appendFileSync(join(directory, 'performance.md'), 'better than ever');
  writeFileSync(join(directory, 'performance/old.svg'), '');
  expect(await staleFiles(directory, RESULTS)).toEqual(['performance.md', 'performance/old.svg']);
  await writeReport(directory, RESULTS);
  expect(await staleFiles(directory, RESULTS)).toEqual([]);
});

it('a scenario measured again takes the place of its older self', () => {
  const named = (name: string, seconds: number) => ({ ...SCENARIO, name, seconds, figures: [] });
  const kept = withScenario([named('b', 1), named('a', 1)], named('b', 2), ['a', 'b']);
  expect(kept.map(({ name, seconds }) => [name, seconds])).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
});
