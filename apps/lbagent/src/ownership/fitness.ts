import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { writeTrackFile } from '../keepalived/files.ts';
import type { KeepalivedPaths } from '../keepalived/types.ts';

/** Its presence says that this machine is to own nothing. It is gone after a reboot. */
export function outOfServiceFile(runDir: string): string {
  return `${runDir}/lbagent-out-of-service`;
}

export function isOutOfService(runDir: string): boolean {
  return existsSync(outOfServiceFile(runDir));
}

/**
 * Takes this machine out of service, or back in. Addresses move within tens of milliseconds, with lbagent dead too;
 * haproxy goes on with the connections it has. Back in service it owns something again when the others let go.
 */
export async function setInService(paths: KeepalivedPaths, runDir: string, serve: boolean): Promise<void> {
  await mkdir(runDir, { recursive: true });
  if (serve) {
    await rm(outOfServiceFile(runDir), { force: true });
    return;
  }
  await writeFile(outOfServiceFile(runDir), 'lbagent resume-serving removes this file\n');
  writeTrackFile(paths, false);
}
