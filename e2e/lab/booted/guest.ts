import { spawn } from 'node:child_process';
import { closeSync, openSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { must, run, sleep } from '../command.ts';
import { logFileOf, tailOf } from '../log-files.ts';
import { diskOf, type BootSpec, type HostSpec } from '../protocol.ts';
import { killGroup } from './cgroups.ts';

const BOOT_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 60_000;

/** A system that runs on a host of the lab. */
export interface Guest {
  /** Its first process. */
  readonly leader: number;
  readonly group: string;
  /** Resolves when it has ended, however that came. */
  readonly ended: Promise<void>;
}

export interface BootOptions {
  readonly spec: HostSpec;
  readonly boots: BootSpec;
  /** The process that holds the machine's network. */
  readonly keeper: number;
  /** Control group of its own. */
  readonly group: string;
}

/** The machine's disk: a copy of the image that costs only what is changed. Kept in memory, as all of a lab. */
export async function makeDisk({ name, address }: HostSpec, { image }: BootSpec): Promise<void> {
  const layers = layersOf(name);
  for (const directory of [`${layers}/upper`, `${layers}/work`, diskOf(name)])
    mkdirSync(directory, { recursive: true });
  const options = `lowerdir=${image},upperdir=${layers}/upper,workdir=${layers}/work`;
  await must(['mount', '-t', 'overlay', 'overlay', '-o', options, diskOf(name)]);
  writeFileSync(`${diskOf(name)}/etc/hostname`, `${name}\n`);
  const network = `[Match]\nName=eth0\n\n[Network]\nAddress=${address}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n`;
  writeFileSync(`${diskOf(name)}/etc/systemd/network/lan.network`, network);
}

export async function removeDisk(host: string): Promise<void> {
  await must(['umount', diskOf(host)]);
  await must(['rm', '-rf', layersOf(host), diskOf(host)]);
}

function layersOf(host: string): string {
  return `/run/lab/.disks/${host}`;
}

/** Starts the system on a host's disk; returns when it has started all its units. */
export async function bootGuest(options: BootOptions): Promise<Guest> {
  const { name } = options.spec;
  const child = spawnNspawn(options);
  let over: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => resolve(void (over = error.message)));
    child.on('exit', (code, signal) => resolve(void (over = signal ?? `code ${code}`)));
  });
  const deadline = performance.now() + BOOT_WITHIN_MS;
  for (;;) {
    const leader = child.pid === undefined ? undefined : leaderOf(child.pid);
    if (leader !== undefined && (await hasStarted(leader))) return { leader, group: options.group, ended };
    if (over !== undefined || performance.now() > deadline) break;
    await sleep(20);
  }
  await killGroup(options.group);
  const why = over === undefined ? `has not started after ${BOOT_WITHIN_MS} ms` : `ended with ${over}`;
  throw new Error(`the system of ${name} ${why}. Its console ends:\n${tailOf(consoleOf(name), 3000).trim()}`);
}

function spawnNspawn({ spec, boots, keeper, group }: BootOptions) {
  const argv = [
    boots.nspawn,
    '--quiet',
    '--boot',
    `--directory=${diskOf(spec.name)}`,
    `--machine=${spec.name}`,
    `--network-namespace-path=/proc/${keeper}/ns/net`,
    '--capability=CAP_NET_ADMIN,CAP_NET_RAW',
    // Nothing of the system that the lab runs on hears of it.
    '--register=no',
    '--keep-unit',
    '--console=pipe',
    '--link-journal=no',
    '--resolv-conf=off',
    '--timezone=off',
  ];
  const log = openSync(consoleOf(spec.name), 'a');
  const child = spawn('sh', ['-c', 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', 'guest', group, ...argv], {
    stdio: ['ignore', log, log],
    // As on a machine, the network's settings in /proc/sys are its own to change.
    env: { PATH: process.env['PATH'], SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network' },
    detached: true,
  });
  closeSync(log);
  return child;
}

/** Not on the machine's disk: it is no file of the machine's. */
function consoleOf(host: string): string {
  return logFileOf('wire', `${host}-console`);
}

function leaderOf(nspawn: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').trim().split(' ');
    return children
      .filter((pid) => pid !== '')
      .map(Number)
      .find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'systemd\n');
  } catch {
    return undefined;
  }
}

async function hasStarted(leader: number): Promise<boolean> {
  const asked = await run(intoGuest(leader, ['systemctl', 'is-system-running'])).catch(() => undefined);
  return ['running', 'degraded'].includes(asked?.stdout.trim() ?? '');
}

/** What to run so that `argv` runs on the machine, as root's shell would run it. */
export function intoGuest(leader: number, argv: readonly string[]): readonly string[] {
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const environment = ['env', '-i', `PATH=${path}`, 'HOME=/root', 'LANG=C.UTF-8', 'SYSTEMD_COLORS=0', 'SYSTEMD_PAGER='];
  return ['nsenter', '-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-C', '--', ...environment, ...argv];
}

/** Tells the system to shut down, and waits for its end. */
export async function shutDownGuest({ leader, ended }: Guest): Promise<void> {
  await must(intoGuest(leader, ['systemctl', 'poweroff', '--no-block']));
  const late = sleep(STOP_WITHIN_MS).then(() => true);
  if (await Promise.race([ended.then(() => false), late])) {
    throw new Error(`the system does not shut down within ${STOP_WITHIN_MS} ms: \`halt\` cuts its power`);
  }
}
