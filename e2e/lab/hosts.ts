import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { must, run, sleep } from './command.ts';
import { diskOf, type HostSpec } from './protocol.ts';

/** The namespace that holds the bridge; the supervisor lives there. */
export const WIRE = 'wire';
const BRIDGE = 'lab0';

interface Host {
  readonly spec: HostSpec;
  /** Its keeper, which holds the namespaces; undefined while the host is down. */
  pid: number | undefined;
  cut: boolean;
}

export interface Hosts {
  readonly all: ReadonlyMap<string, Readonly<Host>>;
  add(spec: HostSpec): Promise<void>;
  remove(name: string): Promise<void>;
  halt(name: string): Promise<void>;
  boot(name: string): Promise<void>;
  cut(name: string): Promise<void>;
  heal(name: string): Promise<void>;
  /** What to run so that `argv` runs on the host. */
  enter(name: string, argv: readonly string[]): readonly string[];
  /** Every process in the host's network namespace, its keeper excepted. */
  processes(name: string): number[];
}

/** Makes the bridge, with `address` for the lab's own use, and no hosts yet. */
export async function openWire(address: string): Promise<Hosts> {
  await must(['ip', '-batch', '-'], {
    stdin: [
      'link set lo up',
      // Left to itself, a bridge takes the address of one of its ports, and another one when that goes.
      `link add ${BRIDGE} address ${cardOf(address.split('/')[0]!)} type bridge forward_delay 0 mcast_snooping 0`,
      `link set ${BRIDGE} up`,
      `address add ${address} dev ${BRIDGE}`,
    ].join('\n'),
  });
  return new NetworkOfHosts();
}

class NetworkOfHosts implements Hosts {
  readonly all = new Map<string, Host>();

  async add(spec: HostSpec): Promise<void> {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(spec.name) || spec.name === WIRE) {
      throw new Error(`${JSON.stringify(spec.name)} is no name for a host: small letters, digits and "-", 63 at most`);
    }
    if (this.all.has(spec.name)) throw new Error(`there is a host ${spec.name} already`);
    for (const directory of ['etc', 'var/log', 'var/lib']) {
      mkdirSync(`${diskOf(spec.name)}/${directory}`, { recursive: true });
    }
    this.all.set(spec.name, { spec, pid: undefined, cut: false });
    try {
      await this.boot(spec.name);
    } catch (error) {
      this.all.delete(spec.name);
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    await this.halt(name);
    this.all.delete(name);
    await must(['rm', '-rf', diskOf(name)]);
  }

  async boot(name: string): Promise<void> {
    const host = this.#get(name);
    if (host.pid !== undefined) throw new Error(`${name} is up already`);
    // As on a machine, /run starts empty.
    rmSync(`${diskOf(name)}/run`, { recursive: true, force: true });
    mkdirSync(`${diskOf(name)}/run/lab/${name}`, { recursive: true });
    const pid = await startKeeper(name);
    try {
      await this.#connect(host.spec, pid);
    } catch (error) {
      process.kill(pid, 'SIGKILL');
      throw error;
    }
    host.pid = pid;
    host.cut = false;
  }

  async halt(name: string): Promise<void> {
    const host = this.#get(name);
    const { pid } = host;
    if (pid === undefined) return;
    // The link first: a machine that loses power says no goodbye.
    await run(this.#onFarSide(host.spec, ['ip', 'link', 'delete', linkOf(name)]));
    const namespace = networkNamespaceOf(pid);
    for (;;) {
      const left = processesIn(namespace);
      if (left.length === 0) break;
      for (const victim of left) signalIfThere(victim, 'SIGKILL');
      await sleep(2);
    }
    host.pid = undefined;
  }

  async cut(name: string): Promise<void> {
    await this.#setLink(name, 'down');
  }

  async heal(name: string): Promise<void> {
    await this.#setLink(name, 'up');
  }

  enter(name: string, argv: readonly string[]): readonly string[] {
    if (name === WIRE) return argv;
    const { pid } = this.#get(name);
    if (pid === undefined) throw new Error(`${name} is down: boot it first`);
    return [...into(pid), ...argv];
  }

  processes(name: string): number[] {
    const { pid } = this.#get(name);
    if (pid === undefined) return [];
    return processesIn(networkNamespaceOf(pid)).filter((each) => each !== pid);
  }

  #get(name: string): Host {
    const host = this.all.get(name);
    if (host) return host;
    throw new Error(`there is no host ${name}; there are ${[...this.all.keys()].sort().join(', ') || 'none yet'}`);
  }

  /** The far end down takes the carrier away here, as a pulled cable does: nothing comes in, not even to be refused. */
  async #setLink(name: string, state: 'up' | 'down'): Promise<void> {
    const host = this.#get(name);
    if (host.pid === undefined) throw new Error(`${name} is down: there is no link to change`);
    await must(this.#onFarSide(host.spec, ['ip', 'link', 'set', linkOf(name), state]));
    host.cut = state === 'down';
  }

  #onFarSide(spec: HostSpec, argv: readonly string[]): readonly string[] {
    return spec.behind === undefined ? argv : this.enter(spec.behind, argv);
  }

  async #connect(spec: HostSpec, pid: number): Promise<void> {
    const link = linkOf(spec.name);
    const ip = (lines: readonly string[]) => ({ stdin: lines.join('\n') });
    const address = spec.address.split('/')[0]!;
    const routes = (spec.routes ?? []).map((route) => `route add ${route}`);
    const behind = spec.behind === undefined ? undefined : this.#get(spec.behind).pid;
    if (spec.behind === undefined) {
      await must(
        ['ip', '-batch', '-'],
        ip([`link add ${link} type veth peer name eth0 address ${cardOf(address)} netns ${pid}`]),
      );
      await must(['ip', '-batch', '-'], ip([`link set ${link} master ${BRIDGE} up`]));
    } else if (behind === undefined) {
      throw new Error(`${spec.name} cannot be behind ${spec.behind}, which is down`);
    } else {
      await must(
        [...into(behind), 'ip', '-batch', '-'],
        ip([`link add ${link} type veth peer name eth0 address ${cardOf(address)} netns ${pid}`]),
      );
    }
    await must([...into(pid), 'sh', '-c', sysctlScript(spec.sysctls ?? {})]);
    const own =
      behind === undefined
        ? [`address add ${spec.address} dev eth0`]
        : [
            `address add ${address}/32 dev eth0`,
            'route add 169.254.1.1 dev eth0',
            `neighbor add 169.254.1.1 lladdr ${await routeBehind(behind, link, address)} dev eth0 nud permanent`,
            'route add default via 169.254.1.1',
          ];
    await must([...into(pid), 'ip', '-batch', '-'], ip(['link set eth0 up', ...own, ...routes]));
  }
}

/** Routes `address` to the link and returns the link's own MAC: 169.254.1.1 stands for it, so that it needs no address. */
async function routeBehind(pid: number, link: string, address: string): Promise<string> {
  const script = `ip link set ${link} up; ip route add ${address} dev ${link}; ip -o link show ${link}`;
  const shown = await must([...into(pid), 'sh', '-ec', script]);
  return /link\/ether (\S+)/.exec(shown)![1]!;
}

/** Interface names have 15 characters. Long names keep their end, where they differ, and a number against collisions. */
function linkOf(host: string): string {
  if (host.length <= 13) return `v-${host}`;
  let sum = 0;
  for (const character of host) sum = (sum * 31 + character.charCodeAt(0)) % 36 ** 4;
  return `v${sum.toString(36).padStart(4, '0')}-${host.slice(-8)}`;
}

/** A machine that boots again has the network card it had: others remember its hardware address. */
function cardOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '00', ...bytes].join(':');
}

function into(pid: number): readonly string[] {
  return ['nsenter', '-t', String(pid), '-n', '-m', '-u', '--'];
}

function sysctlScript(sysctls: Readonly<Record<string, string>>): string {
  return Object.entries(sysctls)
    .map(([name, value]) => `echo '${value}' >/proc/sys/${name.replaceAll('.', '/')} || exit 1`)
    .concat('true')
    .join('\n');
}

/** Each host sees its own /run, as a machine does, and its disk under the path all hosts use for theirs. */
const KEEPER = `
hostname "$1" && ip link set lo up &&
mount --bind "/run/lab/$1" "/run/lab/$1/run/lab/$1" &&
mount --rbind "/run/lab/$1/run" /run &&
echo up && exec sleep infinity`;

async function startKeeper(name: string): Promise<number> {
  const keeper = spawn('unshare', ['--net', '--mount', '--uts', 'sh', '-c', KEEPER, 'keeper', name], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  keeper.stderr.on('data', (data: Buffer) => said.push(data.toString()));
  const up = await new Promise<boolean>((resolve) => {
    keeper.stdout.once('data', () => resolve(true));
    keeper.once('error', () => resolve(false));
    keeper.once('close', () => resolve(false));
  });
  if (up && keeper.pid !== undefined) return keeper.pid;
  throw new Error(`no namespaces for host ${name}: ${said.join('').trim() || 'unshare cannot be run'}`);
}

function networkNamespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

function processesIn(namespace: string): number[] {
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readlinkSync(`/proc/${entry}/ns/net`) === namespace) found.push(Number(entry));
    } catch {
      // It has just ended.
    }
  }
  return found;
}

/** The program's own short name, as `ps -o comm` shows it; empty when the process is gone. */
export function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

export function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
