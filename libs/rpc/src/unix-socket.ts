import { chmod, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';

/**
 * Puts a unix socket at `path` that only its owner can reach (mode 0600 from the first moment): lets `bind` make it in
 * a private directory and moves it. Replaces a socket that nobody listens on; throws when somebody does.
 */
export async function bindPrivately(path: string, bind: (temporaryPath: string) => Promise<void>): Promise<void> {
  if (await isListening(path)) throw new Error(`cannot listen on ${path}: another process does`);
  const directory = await mkdtemp(`${path}-`);
  try {
    const temporary = join(directory, 's');
    await bind(temporary);
    await chmod(temporary, 0o600);
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
