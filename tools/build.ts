import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');

/** Program name to its entry. */
const APPS = {
  cloudagent: 'apps/cloudagent/src/main.ts',
  lbagent: 'apps/lbagent/src/main.ts',
  controller: 'apps/controller/src/main.ts',
  fairlead: 'apps/cli/src/main.ts',
} as const;

export type App = keyof typeof APPS;

/**
 * Bundles every app into `dist/NAME.mjs`, a single file that needs only Node 24, and returns the paths.
 * Costs nothing when no source changed since the last time.
 */
export async function buildApps(): Promise<Record<App, string>> {
  const outputs = Object.fromEntries(Object.keys(APPS).map((app) => [app, join(ROOT, 'dist', `${app}.mjs`)]));
  const stamp = join(ROOT, 'dist', 'bundles.sha256');
  const digest = digestOfSources();
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest && Object.values(outputs).every(existsSync);
  if (!fresh) {
    mkdirSync(join(ROOT, 'dist'), { recursive: true });
    await Promise.all(Object.entries(APPS).map(([app, entry]) => bundle(join(ROOT, entry), outputs[app]!)));
    writeFileSync(stamp, digest);
  }
  return outputs as Record<App, string>;
}

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    sourcemap: 'linked',
    logLevel: 'error',
    // CommonJS packages inside an ESM bundle call require() for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}

function digestOfSources(): string {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')));
  const files = globSync(['{libs,apps}/*/src/**/*.{ts,js}', 'tools/build.ts'], { cwd: ROOT });
  for (const file of files.filter((name) => !name.endsWith('.test.ts')).sort()) {
    hash.update(file).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

if (import.meta.main) {
  for (const path of Object.values(await buildApps())) console.log(path);
}
