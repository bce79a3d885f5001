import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ensureKubernetes } from './lab/kubernetes/binaries.ts';
import { ensureParts } from './lab/parts.ts';
import { buildApps } from '../tools/build.ts';

/**
 * `npm test [-- PROJECT … [FILE …]]`: every test that proves a change, on real parts; `faults` and `machines` are run by name. Provides what they need first (haproxy, keepalived, nftables,
 * the Kubernetes binaries, our own bundles), then ends with `N passed, N failed`. A skipped test is a failure:
 * whatever can run here must run.
 */
const PROVES_A_CHANGE = ['unit', 'integration', 'e2e'];
const PROJECTS = [...PROVES_A_CHANGE, 'faults', 'machines'];
const ROOT = resolve(import.meta.dirname, '..');

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
}

const asked = process.argv.slice(2);
const projects = PROJECTS.filter((name) => asked.includes(name));
const rest = asked.filter((name) => !PROJECTS.includes(name));

await buildApps();
const parts = await ensureParts();
const kubernetes = await ensureKubernetes();
const totals = { passed: 0, failed: 0 };
for (const project of projects.length > 0 ? projects : PROVES_A_CHANGE) add(run(project));
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed > 0 ? 1 : 0);

function run(project: string): Report {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-test-'));
  const file = join(directory, 'report.json');
  try {
    const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const { status } = spawnSync('vitest', [...args, ...rest], {
      cwd: ROOT,
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: [dirname(process.execPath), parts.bin, kubernetes.bin, process.env['PATH']].join(':'),
      },
    });
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    // A suite that could not even be collected has no failed test to count.
    return status === 0 || report.numFailedTests > 0 ? report : { ...report, numFailedTests: 1 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function add(report: Report): void {
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0) console.error(`${skipped} tests were skipped: this counts as failed`);
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests + skipped;
}
