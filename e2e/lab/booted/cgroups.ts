import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, sleep } from '../command.ts';

/** Control groups outlive the processes in them: what a lab made is removed from outside, by its name. */

const MOUNTED_IN_LAB = '/sys/fs/cgroup';

let mounted: Promise<unknown> | undefined;

function directoryOf(lab: string): string {
  return `fairlead-lab-${lab}`;
}

/** For the inside of a lab: makes the group of one host, with the one hierarchy that systemd wants in place. */
export async function makeHostGroup(lab: string, host: string): Promise<string> {
  // Over what the system has there, in the lab's own mounts: nothing else is seen to change.
  mounted ??= must(['mount', '-t', 'cgroup2', 'cgroup2', MOUNTED_IN_LAB]);
  await mounted;
  const group = join(MOUNTED_IN_LAB, directoryOf(lab), host);
  try {
    mkdirSync(group, { recursive: true });
  } catch (error) {
    throw new Error(
      `no control group can be made for ${host}: ${(error as Error).message}. Run it as root on a system with cgroup v2 mounted for writing.`,
      { cause: error },
    );
  }
  return group;
}

/**
 * Ends every process in the group at once, as a power cut does; returns when they are gone. So is the group: in one that
 * was killed, Linux 6.18 kills what is started right into it (CLONE_INTO_CGROUP, which systemd uses from 254 on).
 */
export async function killGroup(group: string): Promise<void> {
  writeFileSync(join(group, 'cgroup.kill'), '1');
  while (!removeTree(group)) await sleep(2);
}

/** For the outside: removes the groups of a lab that has ended. False while a process is still in one of them. */
export function removeGroups(lab: string): boolean {
  const root = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1];
  if (root === undefined) return true;
  return removeTree(join(root, directoryOf(lab)));
}

function removeTree(group: string): boolean {
  if (!existsSync(group)) return true;
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory() && !removeTree(join(group, entry.name))) return false;
  }
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY') return false;
    throw error;
  }
}
