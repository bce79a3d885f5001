import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const OUTPUT = join(ROOT, 'dist');

/** What is delivered. */
const APPS = {
  cloudagent: 'apps/cloudagent/src/main.ts',
  lbagent: 'apps/lbagent/src/main.ts',
  controller: 'apps/controller/src/main.ts',
  fairlead: 'apps/cli/src/main.ts',
} as const;

/** The lab's own programs, which run in it. */
const PROGRAMS = {
  echo: 'e2e/echo/main.ts',
  prober: 'e2e/prober/main.ts',
  forwarder: 'e2e/forwarder/main.ts',
} as const;

export type App = keyof typeof APPS;
export type Program = keyof typeof PROGRAMS;

/** What Node is told before an app's bundle, wherever it runs: in the lab, in a unit, in an image. */
export const NODE_FLAGS: Readonly<Record<App, readonly string[]>> = {
  cloudagent: ['--max-semi-space-size=4'],
  lbagent: ['--max-semi-space-size=2', '--optimize-for-size'],
  controller: [],
  fairlead: [],
};

/**
 * Bundles every app into `dist/NAME.mjs`, a single file that needs only Node 24, and returns the paths.
 * Costs nothing when no source changed since the last time; may run in several processes at once.
 */
export function buildApps(): Promise<Record<App, string>> {
  return bundleAll(APPS, '{libs,apps}/*/src/**/*.{ts,js}');
}

/** The app as one file that calls itself by this version: its text. */
export async function bundleApp(app: App, version: string): Promise<string> {
  return (await bundle(APPS[app], version)).text;
}

export interface Bundle {
  readonly text: string;
  /** Folders of the npm packages that are in it, in order. */
  readonly packages: readonly string[];
}

/** As `bundleApp`, with whose code it is made of. */
export function bundleWithOrigin(app: App, version: string): Promise<Bundle> {
  return bundle(APPS[app], version);
}

/** What the sources say that they are. */
export function sourceVersion(): string {
  return (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;
}

/** The same for the lab's programs: a bundle starts twice as fast as its sources and takes half the memory. */
export function buildPrograms(): Promise<Record<Program, string>> {
  return bundleAll(PROGRAMS, 'e2e/{echo,prober,forwarder}/*.ts');
}

async function bundleAll<Name extends string>(
  entries: Readonly<Record<Name, string>>,
  sources: string,
): Promise<Record<Name, string>> {
  const mark = `// sources ${digestOf(sources)}\n`;
  mkdirSync(OUTPUT, { recursive: true });
  const paths = Object.entries<string>(entries).map(async ([name, entry]) => {
    const output = join(OUTPUT, `${name}.mjs`);
    if (!existsSync(output) || !readFileSync(output, 'utf8').endsWith(mark)) {
      replace(output, `${(await bundle(entry)).text}\n${mark}`);
    }
    return [name, output] as const;
  });
  return Object.fromEntries(await Promise.all(paths)) as Record<Name, string>;
}

async function bundle(entry: string, version = sourceVersion()): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    write: false,
    metafile: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    logLevel: 'error',
    define: { FAIRLEAD_VERSION: JSON.stringify(version) },
    // CommonJS packages inside an ESM bundle call require() for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  return { text: outputFiles[0]!.text, packages: packagesOf(Object.keys(metafile.inputs)) };
}

/** `node_modules/NAME` of every file that is in there. */
function packagesOf(files: readonly string[]): string[] {
  const folders = files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].sort().map((folder) => join(ROOT, folder));
}

/** A reader, or another bundler, sees the old file or the new one. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, text);
  renameSync(next, file);
}

function digestOf(sources: string): string {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')));
  const files = globSync([sources, 'tools/build.ts', 'package.json'], { cwd: ROOT });
  for (const file of files.filter((name) => !name.endsWith('.test.ts')).sort()) {
    hash.update(file).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

if (import.meta.main) {
  for (const path of Object.values(await buildApps())) console.log(path);
}
