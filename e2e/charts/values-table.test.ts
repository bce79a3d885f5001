import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { sourceVersion } from '../../tools/build.ts';
import { CHARTS } from './helm.ts';
import { knownValues, readValues, renderReadme } from './values-table.ts';

describe.each(Object.entries(CHARTS))('the chart of the %s', (_name, chart) => {
  it('has a schema that knows each of its values and no others, and a word on each', () => {
    const values = readValues(chart);
    expect(values.map(({ name }) => name).sort()).toEqual(knownValues(chart));
    expect(values.filter(({ comment }) => comment === undefined)).toEqual([]);
  });

  it('shows its values in its README: run `node e2e/charts/values-table.ts`', async () => {
    expect(readFileSync(join(chart, 'README.md'), 'utf8')).toBe(await renderReadme(chart));
  });

  it('has the version of the sources', () => {
    const { version, appVersion } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as Record<string, unknown>;
    expect({ version, appVersion }).toEqual({ version: sourceVersion(), appVersion: sourceVersion() });
  });
});
