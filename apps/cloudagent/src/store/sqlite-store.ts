import { closeSync, mkdirSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileSystemOf, isNetworkFileSystem } from './file-system.ts';
import { migrate, type Migration, MIGRATIONS } from './migrations.ts';
import { type Entry, type Store, StoreFailure, StoreRefused, type Transaction } from './store.ts';

export interface SqliteStoreOptions {
  /** The database file; made, mode 0600, when it is not there. Its directory too, mode 0700. */
  readonly file: string;
  /** Those of this version unless a test brings its own. */
  readonly migrations?: readonly Migration[];
  /** Text of /proc/self/mountinfo; read from there when absent. */
  readonly mountinfo?: string;
}

/**
 * The store in one SQLite file, locked for as long as it is open.
 * Throws StoreRefused when the file is in use, damaged, foreign, of a newer version, or on a network file system, and
 * StoreFailure when it cannot be written.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const { file } = options;
  makeFile(file);
  const type = fileSystemOf(realpathSync(dirname(file)), options.mountinfo ?? readMountinfo());
  if (type !== undefined && isNetworkFileSystem(type)) {
    throw new StoreRefused(
      `${file} is on a network file system (${type}), where a lock does not keep a second cloudagent out: put --state-dir on a local disk`,
    );
  }
  const database = openDatabase(file);
  try {
    prepare(database, file, options.migrations ?? MIGRATIONS);
    return new SqliteStore(database, file);
  } catch (error) {
    database.close();
    throw asRefusal(file, error);
  }
}

function makeFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
}

function readMountinfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}

function openDatabase(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file);
  } catch (error) {
    throw asRefusal(file, error);
  }
}

function prepare(database: DatabaseSync, file: string, migrations: readonly Migration[]): void {
  // Exclusive before the first access: SQLite then keeps the file's lock until it is closed or the process dies.
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  database.exec('BEGIN EXCLUSIVE; COMMIT;');
  const damage = database.prepare('PRAGMA quick_check(1)').get();
  if (damage?.['quick_check'] !== 'ok') throw damaged(file, String(damage?.['quick_check']));
  const refused = migrate(database, file, migrations);
  if (refused !== undefined) throw new StoreRefused(refused);
}

/** https://www.sqlite.org/rescode.html; the low byte of an extended code is the primary one. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;
const NOT_WRITABLE: ReadonlyMap<number, string> = new Map([
  [3, 'this user may not write it: correct owner and mode of it and of its directory'],
  [8, 'it is read-only: mount its file system writable, and correct owner and mode of it and of its directory'],
  [10, "its disk fails: see the kernel's log, and replace the disk"],
  [13, 'its disk is full: make room there'],
  [14, 'it cannot be opened: see that its directory is there and writable, and that its disk has room'],
]);

function asRefusal(file: string, error: unknown): unknown {
  const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
  const notWritable = NOT_WRITABLE.get(code);
  if (notWritable !== undefined) {
    return new StoreFailure(`nothing can be stored in ${file}, ${notWritable}`, { cause: error });
  }
  if (code === SQLITE_BUSY) {
    return new StoreRefused(
      `${file} is in use by another cloudagent: a site has one; stop that one first, or give this one its own --state-dir`,
    );
  }
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) return damaged(file, (error as Error).message);
  return error;
}

function damaged(file: string, detail: string): StoreRefused {
  return new StoreRefused(
    `${file} is damaged (${detail}): put a backup in its place, or move it away to let the cloudagent begin anew from the site files and the clusters`,
  );
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #statements;

  constructor(database: DatabaseSync, file: string) {
    this.#database = database;
    this.#file = file;
    this.#statements = {
      get: database.prepare('SELECT key, value, revision FROM entry WHERE key = ?'),
      list: database.prepare('SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key'),
      put: database.prepare('INSERT OR REPLACE INTO entry (key, value, revision) VALUES (?, ?, ?)'),
      remove: database.prepare('DELETE FROM entry WHERE key = ?'),
      revision: database.prepare('SELECT revision FROM counter'),
      count: database.prepare('UPDATE counter SET revision = ?'),
    };
  }

  async get(key: string): Promise<Entry | undefined> {
    const row = this.#statements.get.get(key);
    return row === undefined ? undefined : toEntry(row);
  }

  async list(prefix: string): Promise<readonly Entry[]> {
    return this.#statements.list.all(prefix, `${prefix}\u{10ffff}`).map(toEntry);
  }

  async commit(transaction: Transaction): Promise<{ ok: true; revision: number } | { ok: false; conflict: string }> {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const conflict = this.#conflictOf(transaction.compare ?? {});
      if (conflict !== undefined) {
        this.#database.exec('ROLLBACK');
        return { ok: false, conflict };
      }
      const revision = Number(this.#statements.revision.get()?.['revision']) + 1;
      this.#statements.count.run(revision);
      for (const key of transaction.remove ?? []) this.#statements.remove.run(key);
      for (const [key, value] of Object.entries(transaction.put ?? {})) this.#statements.put.run(key, value, revision);
      this.#database.exec('COMMIT');
      return { ok: true, revision };
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw asRefusal(this.#file, error);
    }
  }

  #conflictOf(compare: Readonly<Record<string, number>>): string | undefined {
    for (const [key, expected] of Object.entries(compare)) {
      const actual = Number(this.#statements.get.get(key)?.['revision'] ?? 0);
      if (actual !== expected) return `${key} has revision ${actual}, not ${expected}`;
    }
    return undefined;
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }
}

function toEntry(row: Record<string, unknown>): Entry {
  return { key: String(row['key']), value: String(row['value']), revision: Number(row['revision']) };
}
