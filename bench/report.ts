import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { renderMarkdown } from './report/markdown.ts';
import { plotsOf } from './report/plots.ts';
import type { Results } from './results.ts';

export const RESULTS_FILE = 'performance.json';

/** The page and its plots, by path below the directory of the results. The same results give the same bytes. */
export async function renderReport(results: Results): Promise<ReadonlyMap<string, string>> {
  const page = await format(renderMarkdown(results), { parser: 'markdown', printWidth: 120 });
  const plots = results.scenarios.flatMap(plotsOf).map(({ file, svg }) => [`performance/${file}`, svg] as const);
  return new Map([['performance.md', page], ...plots]);
}

/** Writes the report beside its results; plots that it no longer has are removed. */
export async function writeReport(directory: string, results: Results): Promise<void> {
  const files = await renderReport(results);
  const plots = join(directory, 'performance');
  mkdirSync(plots, { recursive: true });
  for (const name of readdirSync(plots)) if (!files.has(`performance/${name}`)) rmSync(join(plots, name));
  for (const [path, text] of files) writeFileSync(join(directory, path), text);
}

/** Paths of files that are not what the results render to; empty: the report is true. */
export async function staleFiles(directory: string, results: Results): Promise<readonly string[]> {
  const files = await renderReport(results);
  const there = readdirSync(join(directory, 'performance'), { withFileTypes: true }).map(
    ({ name }) => `performance/${name}`,
  );
  const changed = [...files]
    .filter(([path, text]) => readIfThere(join(directory, path)) !== text)
    .map(([path]) => path);
  return [...changed, ...there.filter((path) => !files.has(path))];
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
