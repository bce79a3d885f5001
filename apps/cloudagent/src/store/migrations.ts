import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** One step from a schema version to the next; runs in the transaction that records the new version. */
export type Migration = (database: DatabaseSync) => void;

/** Index n leads from version n to n + 1. Version 0 is an empty file. */
export const MIGRATIONS: readonly Migration[] = [
  (database) =>
    database.exec(`
      CREATE TABLE entry (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID, STRICT;
      CREATE TABLE counter (revision INTEGER NOT NULL) STRICT;
      INSERT INTO counter (revision) VALUES (0);
    `),
];

// "FLDS": tells our file from any other SQLite database (https://www.sqlite.org/pragma.html#pragma_application_id).
const APPLICATION_ID = 0x46_4c_44_53;

/**
 * Brings the file to the newest version that `migrations` know, all steps or none, with a backup beside
 * (`FILE.schema-N.backup`) when it held anything. Answers why it cannot be used, or undefined.
 */
export function migrate(database: DatabaseSync, file: string, migrations: readonly Migration[]): string | undefined {
  const version = readPragma(database, 'user_version');
  const isEmpty = version === 0 && database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0;
  if (!isEmpty && readPragma(database, 'application_id') !== APPLICATION_ID) {
    return `${file} is a SQLite database, but not a store of Fairlead: give --state-dir a directory of its own`;
  }
  if (version > migrations.length) {
    return `${file} was written by a newer cloudagent (schema ${version}, this one knows ${migrations.length}): start that version, or put a backup from before the upgrade in its place`;
  }
  if (version === migrations.length) return undefined;
  if (!isEmpty) backUp(database, `${file}.schema-${version}.backup`);
  database.exec('BEGIN EXCLUSIVE');
  try {
    for (const step of migrations.slice(version)) step(database);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}; COMMIT;`);
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
  return undefined;
}

function readPragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function backUp(database: DatabaseSync, file: string): void {
  // One left by a migration that did not finish: what it saved is what is saved again now.
  rmSync(file, { force: true });
  database.prepare('VACUUM INTO ?').run(file);
}
