import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSystemOf, isNetworkFileSystem } from './file-system.ts';
import { MIGRATIONS } from './migrations.ts';
import { openSqliteStore } from './sqlite-store.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fairlead-store-'));
  file = join(directory, 'state', 'cloudagent.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('a store in a file', () => {
  it('keeps what was committed after it is closed and opened again', async () => {
    const first = openSqliteStore({ file });
    await first.commit({ put: { 'a/1': 'one', 'a/2': 'two', b: 'three' } });
    await first.commit({ put: { 'a/1': 'uno' }, remove: ['b'] });
    await first.close();
    const second = openSqliteStore({ file });
    expect(await second.list('')).toEqual([
      { key: 'a/1', value: 'uno', revision: 2 },
      { key: 'a/2', value: 'two', revision: 1 },
    ]);
    expect(await second.get('b')).toBeUndefined();
    await second.close();
  });

  it('lists only what starts with the prefix, in order of key', async () => {
    const store = openSqliteStore({ file });
    await store.commit({ put: { 'a/b': '', 'a/': '', a0: '', 'a/é': '', a: '', 'a/a': '' } });
    expect((await store.list('a/')).map((entry) => entry.key)).toEqual(['a/', 'a/a', 'a/b', 'a/é']);
    await store.close();
  });

  it('changes nothing when one compare of several does not hold', async () => {
    const store = openSqliteStore({ file });
    await store.commit({ put: { a: '1', b: '1' } });
    const outcome = await store.commit({ compare: { a: 1, b: 7 }, put: { a: '2', c: '2' }, remove: ['b'] });
    expect(outcome).toEqual({ ok: false, conflict: 'b has revision 1, not 7' });
    expect((await store.list('')).map((entry) => entry.key + entry.value)).toEqual(['a1', 'b1']);
    await store.close();
  });

  it('takes revision 0 to mean that the key must not exist', async () => {
    const store = openSqliteStore({ file });
    expect(await store.commit({ compare: { a: 0 }, put: { a: '1' } })).toEqual({ ok: true, revision: 1 });
    expect(await store.commit({ compare: { a: 0 }, put: { a: '2' } })).toMatchObject({ ok: false });
    await store.close();
  });

  it('is readable by its owner only', async () => {
    const store = openSqliteStore({ file });
    await store.commit({ put: { a: '1' } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'state')).mode & 0o777).toBe(0o700);
    await store.close();
  });
});

describe('a store that must not be opened', () => {
  it('refuses a second cloudagent on the same file and says so', async () => {
    const store = openSqliteStore({ file });
    expect(() => openSqliteStore({ file })).toThrow(/in use by another cloudagent: .*stop that one first/);
    await store.commit({ put: { a: '1' } });
    await store.close();
    await openSqliteStore({ file }).close();
  });

  it('refuses a network file system and names it', () => {
    const mountinfo = `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 22 0:40 / ${directory} rw - nfs4 server:/x rw\n`;
    expect(() => openSqliteStore({ file, mountinfo })).toThrow(/network file system \(nfs4\)/);
  });

  it('says in one sentence that the file is damaged', async () => {
    const store = openSqliteStore({ file });
    await store.close();
    writeFileSync(file, 'no database at all '.repeat(500));
    expect(() => openSqliteStore({ file })).toThrow(/is damaged .*put a backup in its place/);
  });

  it('says that the file was written by a newer version and leaves it alone', async () => {
    await openSqliteStore({ file, migrations: [...MIGRATIONS, () => undefined] }).close();
    expect(() => openSqliteStore({ file })).toThrow(/newer cloudagent \(schema 2, this one knows 1\)/);
    await openSqliteStore({ file, migrations: [...MIGRATIONS, () => undefined] }).close();
  });

  it('refuses a SQLite file of somebody else', () => {
    const foreign = join(directory, 'foreign.db');
    const database = new DatabaseSync(foreign);
    database.exec('CREATE TABLE theirs (a)');
    database.close();
    expect(() => openSqliteStore({ file: foreign })).toThrow(/not a store of Fairlead/);
  });
});

describe('a store of an older version', () => {
  it('is migrated with a backup beside that the older version can open', async () => {
    const old = openSqliteStore({ file });
    await old.commit({ put: { a: 'before' } });
    await old.close();
    const newer = openSqliteStore({
      file,
      migrations: [...MIGRATIONS, (db) => db.exec("UPDATE entry SET value = 'after'")],
    });
    expect((await newer.get('a'))?.value).toBe('after');
    await newer.close();
    copyFileSync(`${file}.schema-1.backup`, join(directory, 'restored.db'));
    const restored = openSqliteStore({ file: join(directory, 'restored.db') });
    expect((await restored.get('a'))?.value).toBe('before');
    await restored.close();
  });

  it('stays as it was when a step fails', async () => {
    const old = openSqliteStore({ file });
    await old.commit({ put: { a: 'before' } });
    await old.close();
    const failing = [
      ...MIGRATIONS,
      (db: DatabaseSync) => db.exec("UPDATE entry SET value = 'x'; SELECT missing_function()"),
    ];
    expect(() => openSqliteStore({ file, migrations: failing })).toThrow(/no such function/);
    const again = openSqliteStore({ file });
    expect((await again.get('a'))?.value).toBe('before');
    await again.close();
    expect(existsSync(`${file}.schema-1.backup`)).toBe(true);
  });
});

describe('the file system of a path', () => {
  const mountinfo = [
    '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
    '30 22 0:30 / /var/lib/a\\040b rw master:1 - cifs //server/x rw',
    '31 22 0:31 / /var/lib/fuse rw - fuse.sshfs host: rw',
  ].join('\n');

  it('is that of the longest mount point above it', () => {
    expect(fileSystemOf('/var/lib/x', mountinfo)).toBe('ext4');
    expect(fileSystemOf('/var/lib/a b/c', mountinfo)).toBe('cifs');
    expect(fileSystemOf('/var/lib/a bc', mountinfo)).toBe('ext4');
    expect(fileSystemOf('/var/lib/fuse', mountinfo)).toBe('fuse.sshfs');
    expect(fileSystemOf('/var', '')).toBeUndefined();
  });

  it('is a network one for NFS, SMB and sshfs, not for ext4 or overlay', () => {
    expect(['nfs4', 'cifs', 'fuse.sshfs'].every(isNetworkFileSystem)).toBe(true);
    expect(['ext4', 'overlay', 'xfs', 'tmpfs', 'fuse.fuse-overlayfs'].some(isNetworkFileSystem)).toBe(false);
  });
});
