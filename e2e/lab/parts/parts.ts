import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from '../command.ts';
import { fetchPackages } from './debian.ts';
import { debianRelease, installSentence, isRecentEnough, NEEDED, type NeededProgram } from './needed.ts';

/** Changes whenever the way of unpacking does, so that old caches are not taken for new ones. */
const RECIPE = 1;

export interface Parts {
  /** To be put in front of the PATH; empty when all is installed. */
  readonly binDirectories: readonly string[];
}

export interface PartsOptions {
  /** $XDG_CACHE_HOME, or undefined. */
  readonly cacheHome?: string | undefined;
  readonly onProgress: (sentence: string) => void;
  /** Where installed programs are looked for. */
  readonly path: string;
}

/**
 * Finds the programs the lab needs: those installed, else Debian packages unpacked into a cache of the lab's own.
 * Nothing is installed. Throws one sentence on what to install where that cannot be done.
 */
export async function ensureParts(options: PartsOptions): Promise<Parts> {
  const missing = await missingFrom(options.path);
  if (missing.length === 0) return { binDirectories: [] };
  const vital = missing.filter((each) => !each.optional);
  const release = existsSync('/etc/os-release') ? debianRelease(readFileSync('/etc/os-release', 'utf8')) : undefined;
  if (release === undefined || !isOnPath('apt-get', options.path)) {
    if (vital.length === 0) return { binDirectories: [] };
    throw new Error(installSentence(missing));
  }
  const packages = [...new Set(missing.map((each) => each.package))].sort();
  const hash = createHash('sha256').update(JSON.stringify([RECIPE, process.arch, packages])).digest('hex').slice(0, 12);
  const cache = join(options.cacheHome ?? join(homedir(), '.cache'), 'fairlead', 'parts', `${release}-${hash}`);
  const bin = join(cache, 'bin');
  if (!existsSync(cache)) {
    options.onProgress(`fetching ${packages.join(', ')} as packages into ${cache} (once; nothing is installed)`);
    await fetchPackages(packages, cache, (text) => options.onProgress(text));
  }
  const still = (await missingFrom(`${bin}:${options.path}`)).filter((each) => !each.optional);
  if (still.length === 0) return { binDirectories: [bin] };
  throw new Error(`${installSentence(still)} (The packages of ${release} in ${cache} do not have them so.)`);
}

async function missingFrom(path: string): Promise<NeededProgram[]> {
  const found = await Promise.all(NEEDED.map((needed) => isThere(needed, path)));
  return NEEDED.filter((_, index) => !found[index]);
}

async function isThere(needed: NeededProgram, path: string): Promise<boolean> {
  const file = findOnPath(needed.program, path);
  if (file === undefined) return false;
  if (!needed.versionArgv) return true;
  const printed = await run([file, ...needed.versionArgv]).catch(() => undefined);
  return printed?.code === 0 && isRecentEnough(needed, printed.stdout + printed.stderr);
}

function isOnPath(program: string, path: string): boolean {
  return findOnPath(program, path) !== undefined;
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
