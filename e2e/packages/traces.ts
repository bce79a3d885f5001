import type { Machines } from '../lab/machines.ts';

/** What a system keeps by itself: its own notes of what was done, and what it makes anew. */
const NOT_OURS = [
  '/var/log',
  '/var/cache',
  '/var/lib/apt',
  '/var/lib/dpkg',
  '/var/lib/systemd',
  '/var/tmp',
  '/etc/.pwd.lock',
  // Copies that passwd's tools keep.
  '/etc/passwd-',
  '/etc/group-',
  '/etc/shadow-',
  '/etc/gshadow-',
  '/etc/subuid-',
  '/etc/subgid-',
  '/etc/machine-id',
  '/etc/ld.so.cache',
];

const FILES = [
  'find / -xdev \\(',
  NOT_OURS.map((path) => `-path ${path}`).join(' -o '),
  "\\) -prune -o -type d -printf '%p %m %u %g\\n' -o -type l -printf '%p -> %l\\n' -o -printf '%p %m %u %g %s\\n'",
].join(' ');

const LOOKS = {
  file: FILES,
  // The lock is adduser's own.
  'file in /run': 'ls -A /run | grep -vx adduser',
  // By name: some of the system's own are active after the first boot alone.
  unit: "systemctl list-units --all --plain --no-legend | awk '{print $1}'",
  'enabled unit': "systemctl list-unit-files --no-legend | awk '{print $1, $2}'",
  process: "ps -eo user:32,comm --no-headers | grep -v ' ps$' | sort",
  // Without what a link is plugged into: that is another one after each boot.
  address: "ip -brief address | sed 's/@[^ ]*//' | awk '{$2=\"\"; print}'",
  rule: 'ip rule; ip -6 rule',
  route: 'ip route show table all; ip -6 route show table all',
  nftables: 'nft list ruleset',
  user: 'getent passwd; getent group',
};

/** Everything that a package could leave on a machine, one line each. */
export type Traces = ReadonlySet<string>;

export async function traces(lab: Pick<Machines, 'must'>, machine: string): Promise<Traces> {
  const found: string[] = [];
  for (const [kind, script] of Object.entries(LOOKS)) {
    const lines = (await lab.must(machine, ['sh', '-c', `${script}; true`])).split('\n');
    found.push(...lines.flatMap((line) => (line.trim() === '' ? [] : [`${kind}: ${line.trim()}`])));
  }
  return new Set(found);
}

/** What is new, with "+", and what is gone, with "-". */
export function difference(before: Traces, after: Traces): string[] {
  return [
    ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
    ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
  ].sort();
}
