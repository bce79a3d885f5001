import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { usage } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** Text of documents, and where it comes from. */
export interface Document {
  readonly yaml: string;
  readonly source: string;
}

const MANIFEST = /\.(ya?ml|json)$/;

/** What `-f` names: files, directories (their .yaml, .yml and .json files, in order of name), `-` for standard input. */
export async function readDocuments(
  names: readonly string[],
  recursive: boolean,
  terminal: Terminal,
): Promise<Document[]> {
  if (names.length === 0) throw usage('say which file: -f FILE, -f DIRECTORY or -f -');
  if (names.filter((name) => name === '-').length > 1)
    throw usage('standard input can be read once only: give -f - once');
  const documents: Document[] = [];
  for (const name of names) {
    if (name === '-') documents.push({ yaml: await terminal.readInput(), source: 'stdin' });
    else documents.push(...(await readPath(name, recursive)));
  }
  return documents;
}

async function readPath(path: string, recursive: boolean): Promise<Document[]> {
  const found = await stat(path).catch((error: Error) => {
    throw usage(`${path} cannot be read: ${error.message}`);
  });
  if (!found.isDirectory()) return [{ yaml: await readFile(path, 'utf8'), source: path }];
  const entries = await readdir(path, { recursive, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && MANIFEST.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length === 0) throw usage(`${path} has no .yaml, .yml or .json file`);
  return await Promise.all(files.sort().map(async (source) => ({ yaml: await readFile(source, 'utf8'), source })));
}
