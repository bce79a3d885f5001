import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { format } from 'prettier';
import type { Judged } from './judge.ts';

/** All that the report is made from. */
export interface Results {
  /** What to type to have the same measured. */
  readonly command: string;
  /** True: the figures only show that the bench works. */
  readonly quick: boolean;
  readonly machine: Readonly<Record<string, string>>;
  /** Of all that takes part beside Fairlead. */
  readonly versions: Readonly<Record<string, string>>;
  readonly scenarios: readonly ScenarioResult[];
}

export interface ScenarioResult {
  readonly name: string;
  readonly title: string;
  /** What was measured: its version, and the commit. */
  readonly fairlead: string;
  /** RFC 3339, of its start. */
  readonly at: string;
  readonly seconds: number;
  /** The machine's one-minute load average when it started. */
  readonly load: number;
  readonly how: string;
  readonly figures: readonly Judged[];
}

/** Undefined when there are none, or none that can be read. */
export function readResults(file: string): Results | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Results;
  } catch {
    return undefined;
  }
}

/** Whole or not at all, in the house's format. */
export async function writeResults(file: string, results: Results): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, await format(JSON.stringify(results), { parser: 'json', printWidth: 120 }));
  renameSync(`${file}.new`, file);
}

/** With `result` in place of an older one of its name, in the order of `names`. */
export function withScenario(
  scenarios: readonly ScenarioResult[],
  result: ScenarioResult,
  names: readonly string[],
): readonly ScenarioResult[] {
  const all = [...scenarios.filter(({ name }) => name !== result.name), result];
  return all.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
}
