import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { annotationsPage } from './src/annotations/page.ts';

/** Writes docs/annotations.md; with --check, only says whether it is what the table says. */
const file = resolve(import.meta.dirname, '../../docs/annotations.md');
const wanted = annotationsPage();
if (!process.argv.includes('--check')) writeFileSync(file, wanted);
else if (present() !== wanted) {
  console.error(
    'docs/annotations.md is not what the table of annotations says: run `npm run generate` and commit the result',
  );
  process.exitCode = 1;
}

function present(): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
