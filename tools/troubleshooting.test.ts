import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** The first column of every table: what a program says, as it stands in its source. */
function quoted(): string[] {
  const page = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8');
  return [...page.matchAll(/^\| `([^`]+)` /gm)].map((match) => match[1]!);
}

it('everything that the page on trouble quotes is said by a program', () => {
  const files = globSync('{apps,libs}/*/src/**/*.ts', { cwd: ROOT }).filter((file) => !file.endsWith('.test.ts'));
  const source = files.map((file) => readFileSync(join(ROOT, file), 'utf8')).join('\n');
  expect(quoted().length).toBeGreaterThan(40);
  expect(quoted().filter((text) => !source.includes(text))).toEqual([]);
});
