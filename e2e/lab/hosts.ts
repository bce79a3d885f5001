import { mkdirSync, rmSync } from 'node:fs';
import { must, run, sleep } from './command.ts';
import { connectHost, linkOf } from './links.ts';
import { into, processesBeside, signalIfThere, startKeeper } from './network-namespaces.ts';
import { diskOf, type HostSpec } from './protocol.ts';

/** The namespace that holds the bridge; the supervisor lives there. */
export const WIRE = 'wire';

export interface Host {
  readonly spec: HostSpec;
  /** Its keeper, which holds the namespaces; undefined while the host is down. */
  pid: number | undefined;
  cut: boolean;
}

/** The machines of a lab and their links. */
export class Hosts {
  readonly #hosts = new Map<string, Host>();

  get all(): readonly Readonly<Host>[] {
    return [...this.#hosts.values()];
  }

  async add(spec: HostSpec): Promise<void> {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(spec.name) || spec.name === WIRE) {
      throw new Error(`${JSON.stringify(spec.name)} is no name for a host: small letters, digits and "-", 63 at most`);
    }
    if (this.#hosts.has(spec.name)) throw new Error(`there is a host ${spec.name} already`);
    for (const directory of ['etc', 'var/log', 'var/lib']) {
      mkdirSync(`${diskOf(spec.name)}/${directory}`, { recursive: true });
    }
    this.#hosts.set(spec.name, { spec, pid: undefined, cut: false });
    try {
      await this.boot(spec.name);
    } catch (error) {
      this.#hosts.delete(spec.name);
      throw error;
    }
  }

  /** With its disk. */
  async remove(name: string): Promise<void> {
    await this.halt(name);
    this.#hosts.delete(name);
    await must(['rm', '-rf', diskOf(name)]);
  }

  async boot(name: string): Promise<void> {
    const host = this.get(name);
    if (host.pid !== undefined) throw new Error(`${name} is up already`);
    const { behind } = host.spec;
    const behindPid = behind === undefined ? undefined : this.#upPid(behind);
    // As on a machine, /run starts empty.
    rmSync(`${diskOf(name)}/run`, { recursive: true, force: true });
    mkdirSync(`${diskOf(name)}/run/lab/${name}`, { recursive: true });
    const pid = await startKeeper(name);
    try {
      await connectHost(host.spec, pid, behindPid);
    } catch (error) {
      process.kill(pid, 'SIGKILL');
      throw error;
    }
    host.pid = pid;
    host.cut = false;
  }

  /** All processes and kernel state gone; the disk stays. */
  async halt(name: string): Promise<void> {
    const host = this.get(name);
    const { pid } = host;
    if (pid === undefined) return;
    // The link first: a machine that loses power says no goodbye.
    await run(this.#farEnd(host, ['ip', 'link', 'delete', linkOf(name)]));
    host.pid = undefined;
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
    return name === WIRE ? argv : [...into(this.#upPid(name)), ...argv];
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
