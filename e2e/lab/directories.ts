import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { removeGroups } from './booted/cgroups.ts';

const OWNER = 'owner.json';

interface Owner {
  readonly pid: number;
  /** Tells a process from a later one with the same number. */
  readonly started: string;
}

/** Where this user's labs have their sockets. Not /run: the lab has a /run of its own. */
export function labsDirectory(): string {
  const directory = join(tmpdir(), `fairlead-labs-${userInfo().uid}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(directory);
  if (uid !== userInfo().uid || (mode & 0o077) !== 0) {
    throw new Error(`${directory} belongs to somebody else or is open to others: remove it, or set TMPDIR`);
  }
  return directory;
}

/** Names of the labs that run; what dead ones left is removed. */
export function livingLabs(): string[] {
  const directory = labsDirectory();
  return readdirSync(directory).filter((name) => {
    if (isLive(join(directory, name))) return true;
    if (removeGroups(name)) rmSync(join(directory, name), { recursive: true, force: true });
    return false;
  });
}

/** The new lab's directory, owned by this process until the gateway claims it. */
export function makeLabDirectory(name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) {
    throw new Error(`${JSON.stringify(name)} is no name for a lab: small letters, digits and "-", 32 at most`);
  }
  if (livingLabs().includes(name))
    throw new Error(`lab ${name} is up already: take it down first, or take another name`);
  const directory = join(labsDirectory(), name);
  // A unix socket's path has at most 107 bytes.
  if (directory.length > 90)
    throw new Error(`${directory} is too long a path for a socket: set TMPDIR to a shorter one`);
  mkdirSync(directory, { mode: 0o700 });
  claim(directory);
  return directory;
}

/** From now on the directory is live as long as this process is. */
export function claim(directory: string): void {
  const owner: Owner = { pid: process.pid, started: startOf(process.pid) ?? '' };
  writeFileSync(join(directory, `${OWNER}.new`), JSON.stringify(owner));
  renameSync(join(directory, `${OWNER}.new`), join(directory, OWNER));
}

/** The process that keeps the lab alive. */
export function ownerOf(directory: string): number | undefined {
  return isLive(directory) ? readOwner(directory)?.pid : undefined;
}

function isLive(directory: string): boolean {
  const owner = readOwner(directory);
  // Between the making of a directory and its owner's file lies a moment.
  if (!owner) return Date.now() - (statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 5000;
  return startOf(owner.pid) === owner.started;
}

function readOwner(directory: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, OWNER), 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** Clock ticks after boot (proc(5), stat field 22), or undefined for a process that is not there or has ended. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
