import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts a file in place whole or not at all, and on the disk before this returns: a crash at any moment leaves the old
 * content or the new. Answers false, and writes nothing, when it holds these bytes already.
 */
export async function writeWholeFile(path: string, content: string, mode: number): Promise<boolean> {
  if ((await readIfThere(path)) === content) return false;
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const file = await open(`${path}.new`, 'w', mode);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
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
