import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

/** Everything that can be known of a change without running a site. Each step is a command that works alone. */
const STEPS: ReadonlyArray<readonly [string, string, ...string[]]> = [
  ['generated code is fresh', 'node', 'tools/generate.ts', '--check'],
  ['page of annotations is fresh', 'node', 'apps/controller/annotations-page.ts', '--check'],
  ['contract is well-formed', 'buf', 'lint'],
  ['contract breaks no released one', 'buf', 'breaking', '--against', 'proto/released.binpb'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
  ['lint', 'oxlint', '--type-aware', '--quiet'],
  ['boundaries', 'node', 'tools/boundaries.ts'],
  ['types', 'tsc', '-b'],
  ['unit tests', 'vitest', 'run', '--project', 'unit', '--silent=passed-only'],
];

const root = resolve(import.meta.dirname, '..');
const failed: string[] = [];
for (const [name, command, ...args] of STEPS) {
  const started = performance.now();
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${result.status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (result.status !== 0) failed.push(`${name}: ${[command, ...args].join(' ')}`);
}
for (const line of failed) console.error(`failed: ${line}`);
process.exit(failed.length > 0 ? 1 : 0);
