import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');
const OUTPUT = join(ROOT, 'dist');

const PROGRAMS = { echo: 'e2e/echo/main.ts', prober: 'e2e/prober/main.ts' } as const;

/** The lab's own programs, which run in it. */
export type Program = keyof typeof PROGRAMS;

const OPTIONS: BuildOptions = {
  write: false,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  logLevel: 'error',
  absWorkingDir: ROOT,
};

/**
 * Bundles the programs into `dist/NAME.mjs`, each a single file, which starts twice as fast as its sources and takes half
 * the memory. Returns the paths. Costs nothing when no source changed; may run in several processes at once.
 */
export async function buildPrograms(): Promise<Record<Program, string>> {
  const mark = `// sources ${digestOfSources()}\n`;
  mkdirSync(OUTPUT, { recursive: true });
  const paths = Object.entries(PROGRAMS).map(async ([name, entry]) => {
    const output = join(OUTPUT, `${name}.mjs`);
    if (!existsSync(output) || !readFileSync(output, 'utf8').endsWith(mark)) {
      const { outputFiles = [] } = await build({ ...OPTIONS, entryPoints: [entry] });
      replace(output, `${outputFiles[0]?.text ?? ''}\n${mark}`);
    }
    return [name, output] as const;
  });
  return Object.fromEntries(await Promise.all(paths)) as Record<Program, string>;
}

/** A reader, or another bundler, sees the old file or the new one. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, text);
  renameSync(next, file);
}

function digestOfSources(): string {
  const hash = createHash('sha256');
  const files = globSync(['e2e/{echo,prober}/*.ts', 'e2e/lab/bundle.ts'], { cwd: ROOT });
  for (const file of files.filter((name) => !name.endsWith('.test.ts')).sort()) {
    hash.update(file).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}
