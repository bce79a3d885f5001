import { existsSync, globSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { must } from '../command.ts';

const FIVE_MINUTES = 300_000;

/**
 * Fetches packages and those of their dependencies that are not installed, and unpacks them to `target` with wrappers in
 * `target`/bin. Needs no root and no package list of the system's; changes nothing of the system's. Whole or not at all.
 */
export async function fetchPackages(
  packages: readonly string[],
  target: string,
  onProgress: (sentence: string) => void,
): Promise<void> {
  const parent = dirname(target);
  mkdirSync(parent, { recursive: true });
  removeAbandoned(parent);
  const work = join(parent, `.new-${process.pid}`);
  try {
    const archives = join(work, 'cache/archives');
    for (const directory of ['lists/partial', 'cache/archives/partial', 'root', 'bin']) {
      mkdirSync(join(work, directory), { recursive: true });
    }
    const apt = ['apt-get', ...aptOptions(work)];
    await must([...apt, 'update'], { timeout: FIVE_MINUTES });
    await must([...apt, '--no-install-recommends', '--download-only', 'install', ...packages], {
      timeout: FIVE_MINUTES,
    });
    const files = globSync('*.deb', { cwd: archives });
    onProgress(`unpacking ${files.length} packages`);
    for (const file of files) await must(['dpkg-deb', '-x', join(archives, file), join(work, 'root')]);
    writeWrappers(work, target);
    for (const directory of ['lists', 'cache']) rmSync(join(work, directory), { recursive: true, force: true });
    putInPlace(work, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function aptOptions(work: string): string[] {
  const settings = {
    'Dir::State': work,
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(work, 'cache'),
    'Debug::NoLocking': '1',
    // Root's apt would fetch as a user who may not write here.
    'APT::Sandbox::User': 'root',
    'APT::Get::Assume-Yes': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function putInPlace(work: string, target: string): void {
  try {
    renameSync(work, target);
  } catch (error) {
    // Another lab was quicker: what it made is the same.
    if (!existsSync(target)) throw error;
  }
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^\.new-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

/** One small script for each program, since the libraries are not where the system looks for them. */
function writeWrappers(work: string, target: string): void {
  const root = join(work, 'root');
  const final = (file: string) => join(target, 'root', file);
  const libraries = [...new Set(globSync('**/*.so*', { cwd: root }).map(dirname))].sort();
  const plugins = libraries.find((directory) => basename(directory) === 'xtables');
  const settings = [
    `LD_LIBRARY_PATH='${libraries.map(final).join(':')}'`,
    ...(plugins === undefined ? [] : [`XTABLES_LIBDIR='${final(plugins)}'`]),
  ];
  const wrap = (name: string, file: string) => {
    const script = `#!/bin/sh\nexport ${settings.join(' ')}\nexec '${final(file)}' "$@"\n`;
    writeFileSync(join(work, 'bin', name), script, { mode: 0o755 });
  };
  for (const file of globSync('{usr/,}{s,}bin/*', { cwd: root }).sort()) {
    if (statSync(join(root, file), { throwIfNoEntry: false })?.isFile()) wrap(basename(file), file);
  }
  // Debian makes these names when it installs the package.
  for (const name of [
    'iptables',
    'iptables-save',
    'iptables-restore',
    'ip6tables',
    'ip6tables-save',
    'ip6tables-restore',
  ]) {
    const variant = `usr/sbin/${name.replace('tables', 'tables-nft')}`;
    if (existsSync(join(root, variant))) wrap(name, variant);
  }
}
