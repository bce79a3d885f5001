import { accessSync, constants } from 'node:fs';
import type { RunConfig } from './config.ts';
import type { ProgramSeen } from './preflight/preflight.ts';
import { run } from './processes/run.ts';

/** Dynamic servers without a mode of their own; VRRP over `track_file` as it is rendered. */
const LEAST_HAPROXY = [2, 6] as const;
const LEAST_KEEPALIVED = [2, 2] as const;

/** Absolute paths. */
export interface MachinePrograms {
  readonly haproxy: string;
  readonly keepalived: string;
  readonly nft: string;
  readonly ip: string;
  readonly flock: string;
  readonly arping?: string;
  readonly conntrack?: string;
  readonly setpriv?: string;
  readonly systemctl: string;
}

/** Where the programs of this machine are, and what they are; one that is nowhere keeps its name for a path. */
export async function findPrograms(
  { binaries, processes, unitControl }: Pick<RunConfig, 'binaries' | 'processes' | 'unitControl'>,
  path: string,
): Promise<{ readonly programs: MachinePrograms; readonly seen: readonly ProgramSeen[] }> {
  const seen: ProgramSeen[] = [];
  const need = (name: string, from: string): string => {
    const found = findProgram(name, path);
    seen.push(found === undefined ? { name, package: from } : { name, package: from, path: found });
    return found ?? name;
  };
  const arping = findProgram('arping', path);
  const conntrack = findProgram('conntrack', path);
  const forUdp = { name: 'conntrack', package: 'conntrack (conntrack-tools)', isFor: 'UDP' };
  seen.push(conntrack === undefined ? forUdp : { ...forUdp, path: conntrack });
  const setpriv = findProgram('setpriv', path);
  const asksSystemctl = processes === 'systemd' && unitControl === undefined;
  const programs = {
    haproxy: need(binaries.haproxy, 'haproxy'),
    keepalived: need(binaries.keepalived, 'keepalived'),
    nft: need(binaries.nft, 'nftables'),
    ip: need(binaries.ip, 'iproute2'),
    flock: need('flock', 'util-linux'),
    systemctl: asksSystemctl ? need('systemctl', 'systemd') : 'systemctl',
    ...(arping ? { arping } : {}),
    ...(conntrack ? { conntrack } : {}),
    ...(setpriv ? { setpriv } : {}),
  };
  const [haproxy, keepalived] = await Promise.all([
    haproxyVersion(programs.haproxy),
    keepalivedVersion(programs.keepalived),
  ]);
  const versioned = seen.map((program): ProgramSeen => {
    if (program.package === 'haproxy') return withVersion({ ...program, atLeast: LEAST_HAPROXY }, haproxy);
    if (program.package === 'keepalived') return withVersion({ ...program, atLeast: LEAST_KEEPALIVED }, keepalived);
    return program;
  });
  return { programs, seen: versioned };
}

function withVersion(program: ProgramSeen, version: string | undefined): ProgramSeen {
  return version === undefined ? program : { ...program, version };
}

/** The program's absolute path: as given, or found in the directories of `path`. Undefined when it is nowhere. */
export function findProgram(name: string, path: string): string | undefined {
  const candidates = name.includes('/') ? [name] : `${path}:/usr/sbin:/sbin`.split(':').map((dir) => `${dir}/${name}`);
  return candidates.find((file) => file.startsWith('/') && isExecutable(file));
}

/** For example `2.6.12-1+deb12u4`; undefined when it does not say that it is haproxy, or cannot be run. */
export async function haproxyVersion(binary: string): Promise<string | undefined> {
  return /HAProxy version (\S+)/.exec((await run([binary, '-v'])).stdout)?.[1];
}

/** For example `2.2.7`; undefined when it does not say that it is keepalived, or cannot be run. */
export async function keepalivedVersion(binary: string): Promise<string | undefined> {
  const { stdout, stderr } = await run([binary, '--version']);
  return /Keepalived v(\S+)/.exec(stderr + stdout)?.[1];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
