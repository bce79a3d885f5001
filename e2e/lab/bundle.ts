import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type BuildOptions } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');
const OUTPUT = join(ROOT, 'dist');

const APPS = {
  cloudagent: 'apps/cloudagent/src/main.ts',
  lbagent: 'apps/lbagent/src/main.ts',
  controller: 'apps/controller/src/main.ts',
  fairlead: 'apps/cli/src/main.ts',
} as const;

const PROGRAMS = { echo: 'e2e/echo/main.ts', prober: 'e2e/prober/main.ts' } as const;

export type App = keyof typeof APPS;
/** The lab's own programs, which run in it. */
export type Program = keyof typeof PROGRAMS;

/** CommonJS packages inside an ESM bundle call require() for Node's own modules. */
const REQUIRE = `import { createRequire as createRequireForBundle } from 'node:module';
const require = createRequireForBundle(import.meta.url);`;

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
 * Bundles the apps into `dist/NAME.mjs`, each a single file that needs only Node 24, and returns the paths.
 * Costs nothing when no source changed; may run in several processes at once.
 */
export function buildApps(): Promise<Record<App, string>> {
  return bundleAll(APPS, '{libs,apps}/*/src/**/*.{ts,js}', { ...OPTIONS, banner: { js: REQUIRE } });
}

/** The same for the lab's own programs. */
export function buildPrograms(): Promise<Record<Program, string>> {
  return bundleAll(PROGRAMS, 'e2e/{echo,prober}/*.ts', OPTIONS);
}

async function bundleAll<Name extends string>(
  entries: Readonly<Record<Name, string>>,
  sources: string,
  options: BuildOptions,
): Promise<Record<Name, string>> {
  const mark = `// sources ${digestOf(sources)}\n`;
  mkdirSync(OUTPUT, { recursive: true });
  const paths = Object.entries<string>(entries).map(async ([name, entry]) => {
    const output = join(OUTPUT, `${name}.mjs`);
    if (!existsSync(output) || !readFileSync(output, 'utf8').endsWith(mark)) {
      const { outputFiles = [] } = await build({ ...options, entryPoints: [entry] });
      replace(output, `${outputFiles[0]?.text ?? ''}\n${mark}`);
    }
    return [name, output] as const;
  });
  return Object.fromEntries(await Promise.all(paths)) as Record<Name, string>;
}

/** A reader, or another bundler, sees the old file or the new one. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, text);
  renameSync(next, file);
}

function digestOf(sources: string): string {
  const hash = createHash('sha256');
  const files = globSync([sources, 'package-lock.json', 'e2e/lab/bundle.ts'], { cwd: ROOT });
  for (const file of files.filter((name) => !name.endsWith('.test.ts')).sort()) {
    hash.update(file).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}
