import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApps, buildPrograms } from '../tools/build.ts';
import { ensureParts, type Parts } from '../e2e/lab/parts.ts';
import { judge } from './judge.ts';
import { RESULTS_FILE, writeReport } from './report.ts';
import { renderTable } from './report/table.ts';
import { readResults, type Results, type ScenarioResult, withScenario, writeResults } from './results.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { describeFairlead, describeMachine, describeVersions } from './this-machine.ts';

/**
 * `npm run bench [-- NAME …] [--quick] [--resume] [--out DIR]` measures; every scenario's figures are kept as it ends, beside
 * those of others. `npm run bench -- --report [--out DIR]` renders kept figures again. Figures never decide the exit code;
 * a scenario that could not be measured does.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const ROOT = resolve(import.meta.dirname, '..');
const directory = resolve(
  values.out ?? join(ROOT, values.report ? 'docs' : `bench/results${values.quick ? '/quick' : ''}`),
);
const file = join(directory, RESULTS_FILE);
const names = SCENARIOS.map(({ name }) => name);

process.exitCode = values.report ? await report() : await measure();
// Labs that are down may still hold handles.
process.exit();

async function report(): Promise<number> {
  const results = readResults(file);
  if (!results) return complain(`there are no results in ${file}: run \`npm run bench -- --out ${directory}\` first`);
  await writeReport(directory, results);
  console.log(join(directory, 'performance.md'));
  return 0;
}

async function measure(): Promise<number> {
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) return complain(`there is no ${unknown.join(' and no ')}; there are: ${names.join(', ')}`);
  const [parts] = await Promise.all([ensureParts(), buildApps(), buildPrograms()]);
  let results = await before(parts);
  const done = new Set(values.resume ? results.scenarios.map(({ name }) => name) : []);
  const asked = SCENARIOS.filter(({ name, quick = true }) => {
    const wanted = positionals.length === 0 ? quick || !values.quick : positionals.includes(name);
    return wanted && !done.has(name);
  });
  let failed = 0;
  for (const [index, scenario] of asked.entries()) {
    console.log(
      `\n[${index + 1}/${asked.length}] ${scenario.name}: ${scenario.title}. Load average ${loadavg()[0]!.toFixed(2)}`,
    );
    try {
      const result = await runScenario(scenario, parts);
      console.log(`\n${renderTable(result)}`);
      results = { ...results, scenarios: withScenario(results.scenarios, result, names) };
      await writeResults(file, results);
      await writeReport(directory, results);
    } catch (error) {
      failed += 1;
      console.error(`${scenario.name} could not be measured:`, error);
    }
  }
  console.log(`\n${asked.length - failed} of ${asked.length} scenarios measured: ${join(directory, 'performance.md')}`);
  return failed > 0 ? 1 : 0;
}

/** What was kept before, on this machine as it is now. */
async function before(parts: Parts): Promise<Results> {
  const kept = readResults(file);
  return {
    command: `npm run bench${values.quick ? ' -- --quick' : ''}`,
    quick: values.quick,
    machine: describeMachine(),
    versions: await describeVersions(parts),
    scenarios: kept?.quick === values.quick ? kept.scenarios : [],
  };
}

async function runScenario(scenario: Scenario, parts: Parts): Promise<ScenarioResult> {
  const at = new Date().toISOString();
  const load = Number(loadavg()[0]!.toFixed(2));
  const startedAt = performance.now();
  const scratch = join(ROOT, 'dist/bench');
  mkdirSync(scratch, { recursive: true });
  const own = mkdtempSync(join(scratch, `${scenario.name}-`));
  const tell = (sentence: string) =>
    console.log(`  ${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${sentence}`);
  try {
    const { how, figures } = await scenario.run({ quick: values.quick, parts, directory: own, tell });
    const seconds = Number(((performance.now() - startedAt) / 1000).toFixed(1));
    const fairlead = await describeFairlead();
    const { name, title } = scenario;
    return { name, title, fairlead, at, seconds, load, how, figures: figures.map(judge) };
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function complain(sentence: string): number {
  console.error(sentence);
  return 2;
}
