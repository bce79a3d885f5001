import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts a file in place whole or not at all, and on the disk before this returns: a crash at any moment leaves the old
 * content or the new. Answers false, and writes nothing, when it holds these bytes already. A long text had better come in
 * parts.
 */
export async function writeWholeFile(
  path: string,
  content: string | readonly Buffer[],
  mode: number,
): Promise<boolean> {
  const parts = typeof content === 'string' ? [Buffer.from(content)] : content;
  if (await holds(path, parts)) return false;
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await putInPlace(path, parts, mode);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return true;
}

/** The same without the wait for the directory: after a crash it may be the old content again, never half of one. */
export async function replaceFile(path: string, content: string, mode: number): Promise<boolean> {
  const parts = [Buffer.from(content)];
  if (await holds(path, parts)) return false;
  await putInPlace(path, parts, mode);
  return true;
}

/** The file's text, or undefined when there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function holds(path: string, parts: readonly Buffer[]): Promise<boolean> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== length) return false;
  const content = await readFile(path);
  let at = 0;
  return parts.every((part) => part.equals(content.subarray(at, (at += part.length))));
}

async function putInPlace(path: string, parts: readonly Buffer[], mode: number): Promise<void> {
  try {
    const file = await open(`${path}.new`, 'w', mode);
    try {
      await file.writeFile(parts);
      await file.chmod(mode);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // What is half there takes room that is short already. A full disk is told of without the file.
    await rm(`${path}.new`, { force: true }).catch(() => undefined);
    throw error instanceof Error && !('path' in error) ? Object.assign(error, { path }) : error;
  }
  await rename(`${path}.new`, path);
}
