import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from './command.ts';
import { Connection, type RunningCommand } from './connection.ts';
import { labsDirectory, livingLabs, makeLabDirectory, ownerOf } from './directories.ts';
import type { Forward, GatewayOptions, GatewayState } from './gateway-options.ts';
import {
  lineSplitter,
  type CommandResult,
  type HostSpec,
  type HostStatus,
  type LogText,
  type ProcessSpec,
} from './protocol.ts';

export interface MachinesOptions {
  readonly name: string;
  /** True: gone when this process is. False: stays until `down`. */
  readonly bound: boolean;
  readonly wireAddress: string;
  /** The system's own directories are added to it. */
  readonly path: string;
  readonly forwards?: readonly Forward[];
}

/** A lab as machines, links and programs, with no word on what they are for. */
export interface Machines {
  readonly name: string;
  /** On this machine; private to the user; goes with the lab. */
  readonly directory: string;
  /** Local loopback ports of the forwards; empty when attached. */
  readonly ports: Readonly<Record<string, number>>;
  addHost(spec: HostSpec): Promise<void>;
  removeHost(host: string): Promise<void>;
  /** As if power were lost: all processes and kernel state gone, the disk kept. */
  halt(host: string): Promise<void>;
  boot(host: string): Promise<void>;
  reboot(host: string): Promise<void>;
  /** For a host that boots a system: as its operator would, every unit told to end. Then it is as after `halt`. */
  shutDown(host: string): Promise<void>;
  /** Takes the carrier off the host's link. */
  cut(host: string): Promise<void>;
  heal(host: string): Promise<void>;
  run(spec: ProcessSpec): Promise<number>;
  /** Starts a process that was defined by `run`; returns when it is ready. `env` is added to its own for this life. */
  start(host: string, name: string, env?: Readonly<Record<string, string>>): Promise<number>;
  /** A process by its name, else every program of that name on the host. Returns the lab's pids that were hit. */
  kill(host: string, name: string, signal?: string): Promise<number[]>;
  exec(host: string, argv: readonly string[], options?: { stdin?: string; timeout?: number }): Promise<CommandResult>;
  /** Like exec, but any code other than 0 throws, with what was said. Returns stdout. */
  must(host: string, argv: readonly string[], options?: { stdin?: string; timeout?: number }): Promise<string>;
  spawn(host: string, argv: readonly string[]): RunningCommand;
  status(): Promise<HostStatus[]>;
  logs(host?: string, bytes?: number): Promise<LogText[]>;
  writeFile(host: string, path: string, text: string, mode?: number): Promise<void>;
  readFile(host: string, path: string): Promise<string>;
  /** Lets go of it without taking it down. */
  disconnect(): void;
  down(): Promise<void>;
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts a lab without hosts. */
export async function openMachines(options: MachinesOptions): Promise<Machines> {
  const directory = makeLabDirectory(options.name);
  const settings: GatewayOptions = {
    directory,
    bound: options.bound,
    wireAddress: options.wireAddress,
    path: [...new Set([...options.path.split(':'), ...SYSTEM_PATH.split(':')])].filter(Boolean).join(':'),
    forwards: options.forwards ?? [],
  };
  const log = openSync(join(directory, 'gateway.log'), 'a');
  const gateway = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'gateway.ts'), JSON.stringify(settings)],
    { detached: true, stdio: [options.bound ? 'pipe' : 'ignore', 'pipe', log] },
  );
  closeSync(log);
  const state = await firstLine(gateway);
  if ('error' in state) {
    rmSync(directory, { recursive: true, force: true });
    throw new Error(`lab ${options.name} did not start: ${state.error}`);
  }
  // Neither the process nor its pipes keep this program from ending; a bound gateway sees the end of the pipe.
  gateway.unref();
  gateway.stdout?.destroy();
  (gateway.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return connectMachines(options.name, directory, state.ports);
}

/** A lab that runs already. */
export function attachMachines(name: string): Promise<Machines> {
  const living = livingLabs();
  if (!living.includes(name)) {
    throw new Error(`there is no lab ${name}; there are: ${living.join(', ') || 'none'}`);
  }
  return connectMachines(name, join(labsDirectory(), name), {});
}

function firstLine(gateway: ChildProcess): Promise<GatewayState> {
  return new Promise((resolve) => {
    gateway.stdout?.setEncoding('utf8').on(
      'data',
      lineSplitter((line) => resolve(JSON.parse(line) as GatewayState)),
    );
    gateway.on('error', (error) => resolve({ error: error.message }));
    gateway.on('close', (code) => resolve({ error: `its gateway ended with code ${code}` }));
  });
}

async function connectMachines(name: string, directory: string, ports: Machines['ports']): Promise<Machines> {
  const connection = await Connection.open(join(directory, 'control.sock'));
  const exec: Machines['exec'] = (host, argv, options = {}) => connection.call('exec', { host, argv, ...options });
  const halt = async (host: string) => void (await connection.call('halt', { host }));
  const boot = async (host: string) => void (await connection.call('boot', { host }));
  return {
    name,
    directory,
    ports,
    addHost: async (spec) => void (await connection.call('addHost', spec)),
    removeHost: async (host) => void (await connection.call('removeHost', { host })),
    halt,
    boot,
    shutDown: async (host) => void (await connection.call('shutDown', { host })),
    reboot: async (host) => {
      await halt(host);
      await boot(host);
    },
    cut: async (host) => void (await connection.call('cut', { host })),
    heal: async (host) => void (await connection.call('heal', { host })),
    run: async (spec) => (await connection.call('run', spec)).pid,
    start: async (host, process, env = {}) => (await connection.call('start', { host, name: process, env })).pid,
    kill: async (host, process, signal = 'KILL') =>
      (await connection.call('kill', { host, name: process, signal })).pids,
    exec,
    must: async (host, argv, options) => {
      const result = await exec(host, argv, options);
      if (result.code === 0) return result.stdout;
      const said = result.stderr.trim() || result.stdout.trim();
      throw new Error(`on ${host}, \`${argv.join(' ')}\` ended with code ${result.code}: ${said}`);
    },
    spawn: (host, argv) => connection.spawn(host, argv),
    status: () => connection.call('status', {}),
    logs: (host, bytes = 1 << 20) => connection.call('logs', { ...(host === undefined ? {} : { host }), bytes }),
    writeFile: async (host, path, text, mode = 0o644) =>
      void (await connection.call('writeFile', { host, path, text, mode })),
    readFile: async (host, path) => (await connection.call('readFile', { host, path })).text,
    disconnect: () => connection.close(),
    down: async () => {
      await takeDown(directory);
      await connection.closed;
    },
  };
}

/** Ends the lab and returns when nothing of it is left. */
export async function takeDown(directory: string): Promise<void> {
  const owner = ownerOf(directory);
  if (owner !== undefined && owner !== process.pid) process.kill(owner, 'SIGTERM');
  const deadline = performance.now() + 10_000;
  while (ownerOf(directory) !== undefined) {
    if (performance.now() > deadline)
      throw new Error(`process ${owner}, which keeps the lab, does not end: kill it with -9`);
    await sleep(10);
  }
  rmSync(directory, { recursive: true, force: true });
}
