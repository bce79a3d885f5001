import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from '../command.ts';
import { cacheDirectory, ensureParts, findOnPath } from '../parts.ts';
import { BOOTING } from '../parts/needed.ts';
import type { BootSpec } from '../protocol.ts';
import { sourcesOf } from './apt-sources.ts';

/** Releases of Debian that machines are tried with. */
export type Release = 'bookworm' | 'trixie';

/** Changes whenever the way of making an image does. */
const RECIPE = 2;

/** What an LB machine has before Fairlead comes: the packages that ours depend on, and what a test looks with. */
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'udev',
  'dbus',
  'apt',
  'adduser',
  'ca-certificates',
  'haproxy',
  'keepalived',
  'nftables',
  'conntrack',
  'iproute2',
  'iputils-arping',
  'procps',
  'curl',
];

/** Packages that a machine also has as files, to be installed once more: what an upgrade by the distribution does. */
const AS_FILES = ['haproxy', 'keepalived'];

/** On the machine: where those are. */
export const PACKAGE_FILES = '/opt/packages';

export interface ImageOptions {
  readonly release: Release;
  readonly onProgress?: (sentence: string) => void;
  /** HOME, PATH, XDG_CACHE_HOME and FAIRLEAD_APT_SOURCES count. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** What machines boot from: made once, kept in the cache. Throws one sentence when that cannot be done here. */
export async function ensureImage(options: ImageOptions): Promise<BootSpec> {
  const { release, environment = process.env } = options;
  const onProgress = options.onProgress ?? ((sentence) => console.error(sentence));
  if (process.getuid?.() !== 0) throw new Error('Machines that boot need root: run this as root.');
  const { bin } = await ensureParts({ needed: BOOTING, onProgress, environment });
  const program = (name: string) => findOnPath(name, bin)!;
  const key = createHash('sha256').update(JSON.stringify([RECIPE, process.arch, PACKAGES, AS_FILES]));
  const image = join(cacheDirectory(environment), 'machines', `${release}-${key.digest('hex').slice(0, 12)}`);
  if (!existsSync(image)) {
    onProgress(`making a Debian ${release} that boots, in ${image} (once, half a minute; nothing is installed)`);
    await makeImage(program('mmdebstrap'), image, sourcesOf(release, environment));
  }
  return { image, nspawn: program('systemd-nspawn') };
}

/** Whole or not at all. */
async function makeImage(mmdebstrap: string, image: string, sources: readonly string[]): Promise<void> {
  const parent = dirname(image);
  mkdirSync(parent, { recursive: true });
  removeAbandoned(parent);
  const work = join(parent, `.new-${process.pid}`);
  const release = image.slice(parent.length + 1).split('-')[0]!;
  // No timers: nothing shall change but by what a test does.
  const services =
    'chroot "$1" systemctl enable systemd-networkd && rm -f "$1"/etc/systemd/system/timers.target.wants/*';
  const files = `mkdir -p "$1${PACKAGE_FILES}" && cd "$1${PACKAGE_FILES}" && chroot "$1" sh -c 'cd ${PACKAGE_FILES} && apt-get download ${AS_FILES.join(' ')}'`;
  try {
    await must(
      [
        mmdebstrap,
        '--variant=minbase',
        '--mode=root',
        '--format=directory',
        `--include=${PACKAGES.join(',')}`,
        ...(await aptSettings()).map((each) => `--aptopt=${each}`),
        `--customize-hook=${services}`,
        `--customize-hook=${files}`,
        release,
        work,
        ...sources,
      ],
      { timeout: 600_000 },
    );
    forget(work);
    renameSync(work, image);
  } catch (error) {
    // Another run was quicker: what it made is the same.
    if (!existsSync(image)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** How this machine reaches its sources: proxies, and whether the age of lists counts. */
async function aptSettings(): Promise<string[]> {
  const settings = (await must(['apt-config', 'dump'])).split('\n');
  return settings.filter((line) => /^Acquire::(https?::(?!User-Agent)|Check-|ForceIPv|Retries)/.test(line));
}

/** Nothing of the machine that made it. */
function forget(root: string): void {
  writeFileSync(join(root, 'etc/machine-id'), '');
  writeFileSync(join(root, 'etc/resolv.conf'), '');
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^\.new-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}
