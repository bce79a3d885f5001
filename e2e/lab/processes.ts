import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { run, sleep } from './command.ts';
import type { Hosts } from './hosts.ts';
import { logFileOf, tailOf } from './log-files.ts';
import { programOf, signalIfThere } from './network-namespaces.ts';
import type { ProcessSpec, ProcessStatus, ReadyProbe } from './protocol.ts';
import { httpAnswers, tcpAnswers } from './ready.ts';

const RESTART_AFTER_MS = 500;

interface Entry {
  readonly spec: ProcessSpec;
  child: ChildProcess | undefined;
  ended: string | undefined;
  restartTimer: NodeJS.Timeout | undefined;
}

/** The named programs of all hosts. */
export class Processes {
  readonly #entries = new Map<string, Entry>();
  readonly #hosts: Hosts;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  /** Defines a process (again) and starts it; returns when it is ready. */
  async run(spec: ProcessSpec): Promise<{ pid: number }> {
    const key = keyOf(spec.host, spec.name);
    if (!/^[a-z][a-z0-9.-]*$/.test(spec.name)) throw new Error(`${JSON.stringify(spec.name)} is no name for a process`);
    if (this.#entries.get(key)?.child) throw new Error(`${key} runs already: kill it first`);
    this.#entries.set(key, { spec, child: undefined, ended: undefined, restartTimer: undefined });
    return this.start(spec.host, spec.name);
  }

  /** `env` is for this life alone: whatever starts it again knows nothing of it. */
  async start(host: string, name: string, env: ProcessSpec['env'] = {}): Promise<{ pid: number }> {
    const entry = this.#get(host, name);
    clearTimeout(entry.restartTimer);
    if (entry.child?.pid !== undefined) return { pid: entry.child.pid };
    const child = this.#spawn(entry, env);
    if (entry.spec.ready) await this.#untilReady(entry, entry.spec.ready);
    return { pid: child.pid ?? 0 };
  }

  /**
   * A supervised process by that name, else the programs of that name; returns the pids that got the signal. A supervised
   * one that got SIGKILL is gone by then, so that it can be started again at once.
   */
  async kill(host: string, name: string, signal: string): Promise<number[]> {
    const known = signalName(signal);
    const entry = this.#entries.get(keyOf(host, name));
    const pids = entry ? pidsOf(entry) : this.#programs(host, name);
    if (pids.length === 0) throw new Error(`${name} does not run on ${host}; there: ${this.#runningOn(host)}`);
    const gone = entry?.child && once(entry.child, 'exit');
    const hit = pids.filter((pid) => signalIfThere(pid, known));
    if (known === 'SIGKILL') await gone;
    return hit;
  }

  /** Forgets nothing but the pids: their namespace is gone. */
  async hostHalted(host: string): Promise<void> {
    for (const entry of this.#of(host)) {
      clearTimeout(entry.restartTimer);
      while (entry.child) await sleep(2);
      clearTimeout(entry.restartTimer);
    }
  }

  async hostBooted(host: string): Promise<void> {
    for (const { spec } of this.#of(host)) if (spec.boot) await this.start(host, spec.name);
  }

  hostRemoved(host: string): void {
    for (const { spec } of this.#of(host)) this.#entries.delete(keyOf(host, spec.name));
  }

  status(host: string): ProcessStatus[] {
    return this.#of(host).map(({ spec, child, ended }) => ({
      host,
      name: spec.name,
      ...(child?.pid === undefined ? {} : { pid: child.pid }),
      ...(ended === undefined ? {} : { ended }),
    }));
  }

  /** Names of the programs on a host that are not ours, in order, each once. */
  others(host: string): string[] {
    const ours = new Set(this.#of(host).flatMap(pidsOf));
    const theirs = this.#hosts.processes(host).filter((pid) => !ours.has(pid));
    return [...new Set(theirs.map(programOf))].filter((name) => name !== '').sort();
  }

  #of(host: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.spec.host === host);
  }

  #get(host: string, name: string): Entry {
    const entry = this.#entries.get(keyOf(host, name));
    if (entry) return entry;
    const names = this.#of(host).map(({ spec }) => spec.name);
    throw new Error(`${host} has no process ${name}; it has ${names.join(', ') || 'none'}`);
  }

  #programs(host: string, name: string): number[] {
    return this.#hosts.processes(host).filter((pid) => programOf(pid) === name);
  }

  #runningOn(host: string): string {
    const ours = this.#of(host).flatMap(({ spec, child }) => (child ? [spec.name] : []));
    return [...ours, ...this.others(host)].join(', ') || 'nothing';
  }

  #spawn(entry: Entry, env: ProcessSpec['env'] = {}): ChildProcess {
    const { spec } = entry;
    const [program, ...rest] = this.#hosts.enter(spec.host, spec.argv);
    if (program === undefined) throw new Error(`${spec.name} has an empty command line`);
    const log = openSync(logFileOf(spec.host, spec.name), 'a');
    const child = spawn(program, rest, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...spec.env, ...env },
      detached: true,
    });
    closeSync(log);
    entry.child = child;
    entry.ended = undefined;
    const over = (how: string) => {
      if (entry.child !== child) return;
      entry.child = undefined;
      entry.ended = how;
      if (spec.restart) entry.restartTimer = setTimeout(() => this.#spawnAgain(entry), RESTART_AFTER_MS);
    };
    child.on('error', (error) => over(error.message));
    child.on('exit', (code, signal) => over(signal === null ? `code ${code}` : `signal ${signal}`));
    return child;
  }

  #spawnAgain(entry: Entry): void {
    try {
      this.#spawn(entry);
    } catch (error) {
      entry.ended = (error as Error).message;
    }
  }

  async #untilReady(entry: Entry, probe: ReadyProbe): Promise<void> {
    const { spec } = entry;
    const limit = spec.readyTimeout ?? 30_000;
    const deadline = performance.now() + limit;
    while (!(await this.#answers(spec.host, probe))) {
      const late = performance.now() > deadline;
      if (entry.child && !late) {
        await sleep(20);
        continue;
      }
      const what = late ? `is not ready after ${limit} ms` : `ended with ${entry.ended}`;
      throw new Error(
        `${spec.name} on ${spec.host} ${what}. Its log ends:\n${tailOf(logFileOf(spec.host, spec.name), 2000).trim() || '(empty)'}`,
      );
    }
  }

  async #answers(host: string, probe: ReadyProbe): Promise<boolean> {
    if (probe.kind === 'tcp') return tcpAnswers(probe.address, probe.port);
    if (probe.kind === 'http') return httpAnswers(probe.url);
    const result = await run(this.#hosts.enter(host, probe.argv), { timeout: 20_000 }).catch(() => undefined);
    return result?.code === 0;
  }
}

function keyOf(host: string, name: string): string {
  return `${host}/${name}`;
}

function pidsOf(entry: Entry): number[] {
  return entry.child?.pid === undefined ? [] : [entry.child.pid];
}

function signalName(text: string): NodeJS.Signals {
  const name = text.toUpperCase().startsWith('SIG') ? text.toUpperCase() : `SIG${text.toUpperCase()}`;
  if (name in constants.signals) return name as NodeJS.Signals;
  throw new Error(`there is no signal ${text}: write KILL, TERM, STOP, CONT, …`);
}
