import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { fetchPackages } from './parts/debian.ts';
import { debianRelease, installSentence, isRecentEnough, NEEDED, type NeededProgram } from './parts/needed.ts';

/** Changes whenever the way of unpacking does, so that old caches are not taken for new ones. */
const RECIPE = 1;

export interface Parts {
  /** For the PATH, in front of the rest: a directory, or several with ":" between. */
  readonly bin: string;
}

export interface PartsOptions {
  /** What the lab itself needs, unless given. */
  readonly needed?: readonly NeededProgram[];
  readonly onProgress?: (sentence: string) => void;
  /** HOME, PATH and XDG_CACHE_HOME count. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Where distributions have what only root needs; not on everybody's PATH. */
const SYSTEM_DIRECTORIES = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Finds the programs that are needed: those installed, else Debian packages unpacked into a cache of the lab's own.
 * Nothing is installed. Throws one sentence on what to install where that cannot be done.
 */
export async function ensureParts(options: PartsOptions = {}): Promise<Parts> {
  const { environment = process.env, needed = NEEDED } = options;
  const onProgress = options.onProgress ?? ((sentence) => console.error(sentence));
  const path = `${environment['PATH'] ?? ''}:${SYSTEM_DIRECTORIES}`;
  const missing = await missingFrom(needed, path);
  if (missing.length === 0) return { bin: directoriesOf(needed, path) };
  const release = existsSync('/etc/os-release') ? debianRelease(readFileSync('/etc/os-release', 'utf8')) : undefined;
  if (release === undefined || findOnPath('apt-get', path) === undefined) {
    if (missing.every((each) => each.optional)) return { bin: directoriesOf(needed, path) };
    throw new Error(installSentence(missing));
  }
  const packages = [...new Set(missing.map((each) => each.package))].sort();
  const cache = join(cacheDirectory(environment), 'parts', `${release}-${hashOf(packages)}`);
  const bin = join(cache, 'bin');
  if (!existsSync(cache)) {
    onProgress(`fetching ${packages.join(', ')} as packages into ${cache} (once; nothing is installed)`);
    await fetchPackages(packages, cache, onProgress);
  }
  const still = (await missingFrom(needed, `${bin}:${path}`)).filter((each) => !each.optional);
  if (still.length === 0) return { bin };
  throw new Error(`${installSentence(still)} (What ${release} has in its packages, in ${cache}, does not do.)`);
}

/** What is fetched or built once for all checkouts. */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  return join(environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache'), 'fairlead');
}

function hashOf(packages: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([RECIPE, process.arch, packages]))
    .digest('hex')
    .slice(0, 12);
}

async function missingFrom(needed: readonly NeededProgram[], path: string): Promise<NeededProgram[]> {
  const found = await Promise.all(needed.map((each) => isThere(each, path)));
  return needed.filter((_, index) => !found[index]);
}

async function isThere(needed: NeededProgram, path: string): Promise<boolean> {
  const file = findOnPath(needed.program, path);
  if (file === undefined) return false;
  if (!needed.versionArgv) return true;
  const printed = await run([file, ...needed.versionArgv]).catch(() => undefined);
  return printed?.code === 0 && isRecentEnough(needed, printed.stdout + printed.stderr);
}

/** Where what is needed is found. */
function directoriesOf(needed: readonly NeededProgram[], path: string): string {
  const files = needed.flatMap(({ program }) => findOnPath(program, path) ?? []);
  return [...new Set(files.map((file) => dirname(file)))].join(':');
}

/** The file that a shell with that PATH would run. */
export function findOnPath(program: string, path: string): string | undefined {
  return path
    .split(':')
    .map((directory) => join(directory, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
