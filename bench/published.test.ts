import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { RESULTS_FILE, staleFiles } from './report.ts';
import { readResults } from './results.ts';

const DOCS = resolve(import.meta.dirname, '../docs');

it('the page in docs is what its results render to, and without results there is none', async () => {
  const results = readResults(join(DOCS, RESULTS_FILE));
  expect(existsSync(join(DOCS, 'performance.md'))).toBe(results !== undefined);
  expect(results ? await staleFiles(DOCS, results) : []).toEqual([]);
  expect(results?.quick ?? false).toBe(false);
});
