import { chmod, lstat, mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';

/** Bytes of a socket's path on Linux, less the private directory that it is made in (unix(7), sun_path). */
const LONGEST_PATH = 107 - '-XXXXXX/s'.length;

/**
 * Puts a unix socket at `path` that only its owner can reach, and its group where the umask leaves the group its rights,
 * from the first moment: lets `bind` make it in a private directory and moves it. Makes the directory it is in. Replaces a socket that nobody listens on; throws when
 * somebody does, and when something else is there.
 */
export async function bindPrivately(path: string, bind: (temporaryPath: string) => Promise<void>): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Error(`${path} is too long for a socket: choose a path of at most ${LONGEST_PATH} bytes`);
  }
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isSocket()) {
    throw new Error(`${path} is there and no socket: move it away, or choose another path`);
  }
  if (await isListening(path)) throw new Error(`cannot listen on ${path}: another process does; end that one first`);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const directory = await mkdtemp(`${path}-`);
  try {
    const temporary = join(directory, 's');
    await bind(temporary);
    await chmod(temporary, (process.umask() & 0o020) === 0 ? 0o660 : 0o600);
    await rename(temporary, path);
    await rmdir(directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function isListening(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
