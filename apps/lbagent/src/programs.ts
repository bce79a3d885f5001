import { accessSync, constants } from 'node:fs';
import { run } from './processes/run.ts';

/** The program's absolute path: as given, or found in the directories of `path`. Undefined when it is nowhere. */
export function findProgram(name: string, path: string): string | undefined {
  const candidates = name.includes('/') ? [name] : `${path}:/usr/sbin:/sbin`.split(':').map((dir) => `${dir}/${name}`);
  return candidates.find((file) => file.startsWith('/') && isExecutable(file));
}

/** For example `2.6.12-1+deb12u4`. Throws when it cannot be run. */
export async function haproxyVersion(binary: string): Promise<string> {
  const { stdout, stderr } = await run([binary, '-v']);
  const match = /HAProxy version (\S+)/.exec(stdout);
  if (!match) throw new Error(`${binary} does not say that it is haproxy: ${(stderr || stdout).slice(0, 200)}`);
  return match[1]!;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
