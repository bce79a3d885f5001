import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { groupGone, identifyProcess, isAlive, signal, whenGone, whenStopped } from './proc.ts';
import type { ProcessId } from './proc.ts';
import { readRecord, removeRecord, writeRecord } from './record.ts';
import { countFailure, restartDelay } from './restart-delay.ts';
import { STOPPED_TOO_LONG_MS } from './types.ts';
import type { ProcessEvent, ProcessSpec, ProcessStatus, Supervisor } from './types.ts';

export interface ChildOptions {
  /** Where the record of the running process is kept for the next lbagent. */
  readonly stateDirectory: string;
  /** Appended to: what the program writes to standard output and error. */
  readonly logFile: string;
  /** How long a gentle end may take before it is forced. Default 5,000. */
  readonly stopGraceMs?: number;
}

/** How often an adopted process, of which the kernel does not tell us, is looked at. */
const LOOK_EVERY_MS = 50;
/** What is left of a group whose first process died (keepalived's VRRP process says goodbye to its peers) gets this long. */
const ORPHAN_GRACE_MS = 2000;

const ON_REQUEST = 'was ended on request';

interface Ending {
  readonly first: NodeJS.Signals;
  readonly graceMs: number;
  readonly reason: string;
}

/** Runs the program as a process of its own session, so that it outlives lbagent; adopts the one it left running. */
export function childSupervisor(spec: ProcessSpec, options: ChildOptions): Supervisor {
  const listeners = new Set<(event: ProcessEvent) => void>();
  let status: ProcessStatus = { kind: 'stopped' };
  let wanted = false;
  let released = false;
  let failures = 0;
  let stopLooking: () => void = () => undefined;
  /** From here on the end of the running process is expected. */
  let disown: () => void = () => undefined;
  let restartTimer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();

  /** Starts, stops and restarts never overlap. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  function tell(event: ProcessEvent): void {
    for (const listener of listeners) listener(event);
  }

  function watch(id: ProcessId, adopted: boolean): (reason: string) => void {
    const startedAt = performance.now();
    let told = false;
    disown = () => {
      told = true;
      stopLooking();
    };
    const onGone = (reason: string): void => {
      if (told || released) return;
      disown();
      tell({ kind: 'exited', pid: id.pid, reason });
      if (!wanted) return;
      failures = countFailure(failures, performance.now() - startedAt);
      const delayMs = restartDelay(failures, spec.restartAfterMs);
      status = { kind: 'waiting', reason, delayMs };
      restartTimer = setTimeout(() => void startAgain(id.pid), delayMs);
    };
    // Of its own child the kernel tells at once, and how it ended.
    const stopWaiting = adopted ? whenGone(id, LOOK_EVERY_MS, () => onGone('is gone')) : (): void => undefined;
    const stopMinding = whenStopped(id.pid, STOPPED_TOO_LONG_MS, () => {
      // One that cannot be started is tried again as one that crashed.
      replace(`was stopped for ${STOPPED_TOO_LONG_MS} ms`).catch(() => startAgain(id.pid));
    });
    stopLooking = () => {
      stopWaiting();
      stopMinding();
    };
    status = { kind: 'running', pid: id.pid, adopted };
    tell({ kind: 'started', pid: id.pid, adopted });
    return onGone;
  }

  async function startAgain(group: number): Promise<void> {
    await inTurn(async () => {
      if (!wanted || released || status.kind === 'running') return;
      await groupGone(group, ORPHAN_GRACE_MS);
      await launch();
    }).catch((error: unknown) => {
      failures += 1;
      const delayMs = restartDelay(failures, spec.restartAfterMs);
      status = { kind: 'waiting', reason: String(error), delayMs };
      if (wanted && !released) restartTimer = setTimeout(() => void startAgain(group), delayMs);
    });
  }

  async function launch(): Promise<void> {
    for (const file of spec.staleFiles) rmSync(file, { force: true });
    mkdirSync(dirname(options.logFile), { recursive: true });
    const log = openSync(options.logFile, 'a', 0o640);
    try {
      const [program, ...args] = spec.argv;
      const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`)));
      });
      child.unref();
      const pid = child.pid!;
      // A zombie has no identity any more: its end is told by 'exit' in any case.
      const id = identifyProcess(pid) ?? { pid, startTime: '', bootId: '' };
      try {
        writeRecord(options.stateDirectory, spec.name, { ...id, argv: spec.argv });
      } catch (error) {
        // Without its record the next lbagent would start a second one beside it.
        signal(-pid, 'SIGKILL');
        throw error;
      }
      const onGone = watch(id, false);
      child.once('exit', (code, by) => onGone(by === null ? `ended with code ${code}` : `was killed by ${by}`));
    } finally {
      closeSync(log);
    }
  }

  async function adoptOrLaunch(): Promise<void> {
    if (status.kind === 'running') return;
    const record = readRecord(options.stateDirectory, spec.name);
    if (record !== undefined && isAlive(record)) {
      if (record.argv.join('\0') === spec.argv.join('\0')) {
        watch(record, true);
        return;
      }
      // Started for other paths: what it serves is not what this lbagent writes.
      signal(record.pid, spec.stopSignal);
      await groupGone(record.pid, options.stopGraceMs ?? 5000);
    }
    await launch();
  }

  function replace(reason: string): Promise<void> {
    return inTurn(async () => {
      wanted = false;
      await end({ first: 'SIGKILL', graceMs: 0, reason });
      wanted = true;
      await launch();
    });
  }

  async function end({ first, graceMs, reason }: Ending): Promise<void> {
    clearTimeout(restartTimer);
    if (status.kind === 'running') {
      const { pid } = status;
      disown();
      // By force: the whole group, because a hung worker does not follow its master. Gently: the first process tells the others.
      signal(first === 'SIGKILL' ? -pid : pid, first);
      await groupGone(pid, graceMs);
      tell({ kind: 'exited', pid, reason });
    }
    status = { kind: 'stopped' };
    removeRecord(options.stateDirectory, spec.name);
  }

  return {
    name: spec.name,
    status: () => status,
    start() {
      wanted = true;
      return inTurn(adoptOrLaunch);
    },
    async reload() {
      if (status.kind !== 'running') throw new Error(`${spec.name} cannot be reloaded: it is not running`);
      signal(status.pid, spec.reloadSignal);
    },
    stop() {
      wanted = false;
      return inTurn(() => {
        // A restart that was under way has wanted it again.
        wanted = false;
        return end({ first: spec.stopSignal, graceMs: options.stopGraceMs ?? 5000, reason: ON_REQUEST });
      });
    },
    restart: () => replace(ON_REQUEST),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    release() {
      released = true;
      stopLooking();
      clearTimeout(restartTimer);
    },
  };
}
