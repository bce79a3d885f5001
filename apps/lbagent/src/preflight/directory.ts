import { explainFailure } from '@fairlead/telemetry';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Less room than this is none; bytes. */
const PROBE_BYTES = 64 * 1024;

/**
 * Why nothing can be kept in the directory now, one sentence with what to do; undefined: it can. Tried with a file that
 * is removed again. A directory that is not there yet is not made: the nearest one above it is tried.
 */
export async function whyNotWritable(directory: string): Promise<string | undefined> {
  let nearest = directory;
  while (!existsSync(nearest) && nearest !== dirname(nearest)) nearest = dirname(nearest);
  const path = `${nearest}/.lbagent-tries-${randomBytes(4).toString('hex')}`;
  try {
    await tryToWrite(path);
    return undefined;
  } catch (error) {
    return explainFailure(
      error instanceof Error && !('path' in error) ? Object.assign(error, { path: directory }) : error,
    ).replaceAll(path, directory);
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

async function tryToWrite(path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(Buffer.alloc(PROBE_BYTES, 0x20));
    await file.sync();
  } finally {
    await file.close();
  }
}
