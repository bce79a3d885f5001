/** A program that a lab or a test runs but does not bring along. */
export interface NeededProgram {
  readonly program: string;
  /** Debian's and Ubuntu's name of the package that has it. */
  readonly package: string;
  /** Prints its version; the first number with a dot in it counts. */
  readonly versionArgv?: readonly string[];
  /** For example [2, 6]. */
  readonly atLeast?: readonly [number, number];
  /** It works without, with less to see. */
  readonly optional?: boolean;
}

export const NEEDED: readonly NeededProgram[] = [
  { program: 'haproxy', package: 'haproxy', versionArgv: ['-v'], atLeast: [2, 6] },
  { program: 'keepalived', package: 'keepalived', versionArgv: ['--version'], atLeast: [2, 2] },
  { program: 'nft', package: 'nftables', versionArgv: ['--version'], atLeast: [1, 0] },
  { program: 'ip', package: 'iproute2' },
  { program: 'ss', package: 'iproute2' },
  { program: 'curl', package: 'curl' },
  { program: 'conntrack', package: 'conntrack', optional: true },
  { program: 'iptables', package: 'iptables', optional: true },
  { program: 'arping', package: 'arping', optional: true },
];

/** What looks at a site the way its operators do. */
export const MONITORING: readonly NeededProgram[] = [
  { program: 'prometheus', package: 'prometheus', versionArgv: ['--version'], atLeast: [2, 30] },
  { program: 'promtool', package: 'prometheus' },
];

/** What makes machines that boot. */
export const BOOTING: readonly NeededProgram[] = [
  { program: 'mmdebstrap', package: 'mmdebstrap' },
  { program: 'systemd-nspawn', package: 'systemd-container', versionArgv: ['--version'] },
];

/** What makes RPMs and installs them. */
export const RPM: readonly NeededProgram[] = [
  { program: 'rpmbuild', package: 'rpm' },
  { program: 'rpm', package: 'rpm' },
  { program: 'dnf', package: 'dnf' },
  { program: 'createrepo_c', package: 'createrepo-c' },
];

/** Major and minor of the first version number in what a program prints. */
export function parseVersion(text: string): readonly [number, number] | undefined {
  const match = /(\d+)\.(\d+)/.exec(text);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

/** True when it is recent enough, or its version does not matter. */
export function isRecentEnough(needed: NeededProgram, printed: string): boolean {
  if (!needed.atLeast) return true;
  const version = parseVersion(printed);
  if (!version) return false;
  const [major, minor] = needed.atLeast;
  return version[0] > major || (version[0] === major && version[1] >= minor);
}

/** What to tell a user of a system whose packages the lab cannot fetch itself. */
export function installSentence(missing: readonly NeededProgram[]): string {
  const names = missing
    .filter((each) => !each.optional)
    .map((each) => each.program + (each.atLeast ? ` (${each.atLeast.join('.')} or later)` : ''));
  return `This needs ${names.join(', ')}: install what has them with this system's package manager and try again.`;
}

/** ID and VERSION_ID of os-release(5), or undefined when it is neither Debian nor made from it. */
export function debianRelease(osRelease: string): string | undefined {
  const fields = new Map(
    osRelease.split('\n').flatMap((line) => {
      const match = /^([A-Z_]+)="?([^"]*)"?$/.exec(line.trim());
      return match ? [[match[1]!, match[2]!] as const] : [];
    }),
  );
  const id = fields.get('ID') ?? '';
  const family = [id, ...(fields.get('ID_LIKE') ?? '').split(' ')];
  if (!family.includes('debian') && !family.includes('ubuntu')) return undefined;
  return `${id}-${fields.get('VERSION_ID') ?? fields.get('VERSION_CODENAME') ?? 'unknown'}`;
}
