import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StoredText } from './read-site.ts';

/**
 * Runs beside a cloudagent, dead or alive: prints the addresses that its store holds (StoredText), from a copy, since
 * the file itself is locked. Argument: the store's file.
 */
const [file = ''] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'fairlead-store-'));
try {
  const copy = join(directory, 'copy.db');
  for (const suffix of ['', '-wal']) if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix);
  const database = new DatabaseSync(copy);
  const valuesOf = (prefix: string) =>
    database
      .prepare('SELECT value FROM entry WHERE key >= ? AND key < ? ORDER BY key')
      .all(prefix, `${prefix}\u{10ffff}`)
      .map(({ value }) => String(value));
  const text: StoredText = { holdings: valuesOf('address/'), rests: valuesOf('rest/') };
  process.stdout.write(JSON.stringify(text));
  database.close();
} finally {
  rmSync(directory, { recursive: true });
}
