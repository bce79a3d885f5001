import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file of a set that is only ever seen whole. */
export interface WholeFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** True: mode 0600, else 0644. The directory itself is 0700. */
  readonly secret: boolean;
}

const currentLink = 'current';
const versionPrefix = '.version-';
const abandonedAfter = 60_000;

/**
 * Writes a set of files so that a reader sees all of the old ones or all of the new ones, after a crash at any
 * moment too: each set has a directory of its own, synced to disk, and one renamed link says which is current.
 * `DIRECTORY/NAME` is a link to the file of the current set.
 */
export async function writeWhole(directory: string, files: readonly WholeFile[]): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(made));
  await chmod(directory, 0o700);
  const version = versionPrefix + randomBytes(8).toString('hex');
  await mkdir(join(directory, version), { mode: 0o700 });
  try {
    for (const file of files) await writeDurably(join(directory, version, file.name), file);
    await syncDirectory(join(directory, version));
  } catch (error) {
    await rm(join(directory, version), { recursive: true, force: true });
    throw error;
  }
  for (const file of files) await link(directory, file.name, join(currentLink, file.name));
  await link(directory, currentLink, version);
  await syncDirectory(directory);
  await removeOldVersions(directory, version);
}

/** Rejects, as a later `writeWhole` would, when nothing can be kept there now; leaves nothing behind. */
export async function tryWriting(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, versionPrefix + randomBytes(8).toString('hex'));
  try {
    await writeDurably(path, { name: '', content: Buffer.alloc(16 * 1024, 0x20), secret: true });
  } finally {
    await rm(path, { force: true });
    if (made !== undefined) await rm(directory, { recursive: true, force: true });
  }
}

/** The current set's files by name, or undefined when there is none or one of `names` is missing. */
export async function readWhole<Name extends string>(
  directory: string,
  names: readonly Name[],
): Promise<Record<Name, Buffer> | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const version = await readlink(join(directory, currentLink)).catch(orUndefined);
    // Without the link: files put there by somebody else, such as a mounted Secret.
    const base = version === undefined ? directory : join(directory, version);
    const read = await readAll(base, names);
    const replaced =
      read === undefined && version !== (await readlink(join(directory, currentLink)).catch(orUndefined));
    if (!replaced || attempt === 5) return read;
  }
}

/** Name of the current set; changes with every write. Undefined: nothing was written yet. */
export async function currentVersion(directory: string): Promise<string | undefined> {
  return await readlink(join(directory, currentLink)).catch(orUndefined);
}

async function readAll<Name extends string>(
  base: string,
  names: readonly Name[],
): Promise<Record<Name, Buffer> | undefined> {
  const result: Partial<Record<Name, Buffer>> = {};
  for (const name of names) {
    const content = await readFile(join(base, name)).catch(orUndefined);
    if (content === undefined) return undefined;
    result[name] = content;
  }
  return result as Record<Name, Buffer>;
}

async function writeDurably(path: string, file: WholeFile): Promise<void> {
  const handle = await open(path, 'wx', file.secret ? 0o600 : 0o644);
  try {
    await handle.writeFile(file.content);
    await handle.sync();
  } catch (error) {
    // A full disk is told of without the file.
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  } finally {
    await handle.close();
  }
}

async function link(directory: string, name: string, target: string): Promise<void> {
  const path = join(directory, name);
  if ((await readlink(path).catch(orUndefined)) === target) return;
  const temporary = join(directory, `.link-${randomBytes(8).toString('hex')}`);
  await symlink(target, temporary);
  await rename(temporary, path);
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Young ones stay: another process may be writing one. */
async function removeOldVersions(directory: string, current: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name === current || !/^\.(?:version|link)-/.test(name)) continue;
    const path = join(directory, name);
    const changed = await stat(path).catch(orUndefined);
    if (changed === undefined || Date.now() - changed.mtimeMs > abandonedAfter) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

function orUndefined(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // EINVAL: a plain file where a link was looked for.
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return undefined;
  throw error;
}
