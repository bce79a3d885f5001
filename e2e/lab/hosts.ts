import { mkdirSync, rmSync } from 'node:fs';
import { killGroup, makeHostGroup } from './booted/cgroups.ts';
import { bootGuest, type Guest, intoGuest, makeDisk, removeDisk, shutDownGuest } from './booted/guest.ts';
import { must, run, sleep } from './command.ts';
import { connectHost, linkOf, plugIn } from './links.ts';
import { into, processesBeside, signalIfThere, startKeeper, startNetworkKeeper } from './network-namespaces.ts';
import { diskOf, type BootSpec, type HostSpec } from './protocol.ts';

/** The namespace that holds the bridge; the supervisor lives there. */
export const WIRE = 'wire';

export interface Host {
  readonly spec: HostSpec;
  /** Its keeper, which holds the namespaces; undefined while the host is down. */
  pid: number | undefined;
  /** The system that runs there, for a host that boots one. */
  guest: Guest | undefined;
  cut: boolean;
}

/** The machines of a lab and their links. */
export class Hosts {
  readonly #hosts = new Map<string, Host>();
  readonly #lab: string;

  /** `lab` is its name, which no other living lab has. */
  constructor(lab: string) {
    this.#lab = lab;
  }

  get all(): readonly Readonly<Host>[] {
    return [...this.#hosts.values()];
  }

  async add(spec: HostSpec): Promise<void> {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(spec.name) || spec.name === WIRE) {
      throw new Error(`${JSON.stringify(spec.name)} is no name for a host: small letters, digits and "-", 63 at most`);
    }
    if (this.#hosts.has(spec.name)) throw new Error(`there is a host ${spec.name} already`);
    if (spec.boots) await makeDisk(spec, spec.boots);
    else {
      for (const directory of ['etc', 'var/log', 'var/lib']) {
        mkdirSync(`${diskOf(spec.name)}/${directory}`, { recursive: true });
      }
    }
    this.#hosts.set(spec.name, { spec, pid: undefined, guest: undefined, cut: false });
    try {
      await this.boot(spec.name);
    } catch (error) {
      this.#hosts.delete(spec.name);
      throw error;
    }
  }

  /** With its disk. */
  async remove(name: string): Promise<void> {
    const { boots } = this.get(name).spec;
    await this.halt(name);
    this.#hosts.delete(name);
    await (boots ? removeDisk(name) : must(['rm', '-rf', diskOf(name)]));
  }

  async boot(name: string): Promise<void> {
    const host = this.get(name);
    if (host.pid !== undefined) throw new Error(`${name} is up already`);
    host.pid = await (host.spec.boots ? this.#bootSystem(host, host.spec.boots) : this.#bootNamespaces(host));
    host.cut = false;
  }

  async #bootNamespaces({ spec }: Host): Promise<number> {
    const { name, behind } = spec;
    const behindPid = behind === undefined ? undefined : this.#upPid(behind);
    // As on a machine, /run starts empty.
    rmSync(`${diskOf(name)}/run`, { recursive: true, force: true });
    mkdirSync(`${diskOf(name)}/run/lab/${name}`, { recursive: true });
    const keeper = await startKeeper(name);
    try {
      await connectHost(spec, keeper, behindPid);
    } catch (error) {
      process.kill(keeper, 'SIGKILL');
      throw error;
    }
    return keeper;
  }

  async #bootSystem(host: Host, boots: BootSpec): Promise<number> {
    const { spec } = host;
    const group = await makeHostGroup(this.#lab, spec.name);
    const keeper = await startNetworkKeeper(spec.name);
    try {
      await plugIn(spec, keeper);
      host.guest = await bootGuest({ spec, boots, keeper, group });
    } catch (error) {
      process.kill(keeper, 'SIGKILL');
      throw error;
    }
    return keeper;
  }

  /** As its operator would: everything is told to end, and then the power is off. For hosts that boot a system. */
  async shutDown(name: string): Promise<void> {
    const { guest } = this.get(name);
    if (!guest) throw new Error(`${name} has no system of its own that could shut down: halt it`);
    await shutDownGuest(guest);
    await this.halt(name);
  }

  /** All processes and kernel state gone; the disk stays. */
  async halt(name: string): Promise<void> {
    const host = this.get(name);
    const { pid } = host;
    if (pid === undefined) return;
    // The link first: a machine that loses power says no goodbye.
    await run(this.#farEnd(host, ['ip', 'link', 'delete', linkOf(name)]));
    host.pid = undefined;
    if (host.guest) await killGroup(host.guest.group);
    host.guest = undefined;
    // The keeper last: it is how the others are found.
    for (;;) {
      const left = processesBeside(pid).filter((each) => each !== pid);
      if (left.length === 0) break;
      for (const victim of left) signalIfThere(victim, 'SIGKILL');
      await sleep(2);
    }
    signalIfThere(pid, 'SIGKILL');
  }

  /** The far end down takes the carrier away here, as a pulled cable does: nothing comes in, not even to be refused. */
  async setLink(name: string, state: 'up' | 'down'): Promise<void> {
    const host = this.get(name);
    this.#upPid(name);
    await must(this.#farEnd(host, ['ip', 'link', 'set', linkOf(name), state]));
    host.cut = state === 'down';
  }

  /** What to run so that `argv` runs on the host. */
  enter(name: string, argv: readonly string[]): readonly string[] {
    if (name === WIRE) return argv;
    const pid = this.#upPid(name);
    const { guest } = this.get(name);
    return guest ? intoGuest(guest.leader, argv) : [...into(pid), ...argv];
  }

  /** Every process of the host. */
  processes(name: string): number[] {
    const { pid } = this.get(name);
    return pid === undefined ? [] : processesBeside(pid).filter((each) => each !== pid);
  }

  get(name: string): Host {
    const host = this.#hosts.get(name);
    if (host) return host;
    throw new Error(`there is no host ${name}; there are ${[...this.#hosts.keys()].sort().join(', ') || 'none yet'}`);
  }

  #upPid(name: string): number {
    const { pid } = this.get(name);
    if (pid === undefined) throw new Error(`${name} is down: boot it first`);
    return pid;
  }

  #farEnd({ spec }: Host, argv: readonly string[]): readonly string[] {
    return spec.behind === undefined ? argv : this.enter(spec.behind, argv);
  }
}
