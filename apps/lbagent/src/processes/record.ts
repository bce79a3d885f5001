import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { ProcessId } from './proc.ts';

/** What a supervisor leaves for the next one. */
export interface ProcessRecord extends ProcessId {
  readonly argv: readonly string[];
}

function recordFile(directory: string, name: string): string {
  return `${directory}/${name}.process.json`;
}

export function writeRecord(directory: string, name: string, record: ProcessRecord): void {
  const file = recordFile(directory, name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Undefined when there is none that can be read: then the program is started anew. */
export function readRecord(directory: string, name: string): ProcessRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordFile(directory, name), 'utf8')) as ProcessRecord;
    return Number.isInteger(record.pid) && record.pid > 1 && Array.isArray(record.argv) ? record : undefined;
  } catch {
    return undefined;
  }
}

export function removeRecord(directory: string, name: string): void {
  rmSync(recordFile(directory, name), { force: true });
}
