import { identifyProcess, signal, whenGone, whenStopped } from './proc.ts';
import { run, runOrThrow } from './run.ts';
import { STOPPED_TOO_LONG_MS } from './types.ts';
import type { ProcessEvent, ProcessSpec, ProcessStatus, Supervisor } from './types.ts';

export interface SystemdOptions {
  readonly systemctl: string;
}

const LOOK_EVERY_MS = 50;
/** systemd gets this long to restart a unit by itself before lbagent asks for it. */
const ASK_AFTER_MS = 1000;
const ASK_EVERY_MS = 250;
const ON_REQUEST = 'was ended on request';

/** Leaves the program to systemd, watches its main process and asks for a start when systemd has given up on it. */
export function systemdSupervisor(spec: ProcessSpec, options: SystemdOptions): Supervisor {
  const listeners = new Set<(event: ProcessEvent) => void>();
  let status: ProcessStatus = { kind: 'stopped' };
  let wanted = false;
  let stopLooking: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;

  const systemctl = (...args: string[]): Promise<string> => runOrThrow([options.systemctl, ...args]);

  async function mainPid(): Promise<number> {
    const shown = await systemctl('show', '--property=MainPID', spec.unit);
    return Number(/^MainPID=(\d+)$/m.exec(shown)?.[1] ?? '0');
  }

  function tell(event: ProcessEvent): void {
    for (const listener of listeners) listener(event);
  }

  function watch(pid: number, adopted: boolean): boolean {
    const id = identifyProcess(pid);
    if (id === undefined) return false;
    stopLooking();
    const stopWaiting = whenGone(id, LOOK_EVERY_MS, () => onGone(pid));
    const stopMinding = whenStopped(pid, STOPPED_TOO_LONG_MS, () => {
      replace(`was stopped for ${STOPPED_TOO_LONG_MS} ms`).catch(() => onGone(pid));
    });
    stopLooking = () => {
      stopWaiting();
      stopMinding();
    };
    status = { kind: 'running', pid, adopted };
    tell({ kind: 'started', pid, adopted });
    return true;
  }

  function onGone(pid: number): void {
    status = { kind: 'waiting', reason: 'is gone', delayMs: ASK_EVERY_MS };
    tell({ kind: 'exited', pid, reason: 'is gone' });
    const since = performance.now();
    const look = (): void => {
      timer = setTimeout(
        () => void findAgain(performance.now() - since >= ASK_AFTER_MS).then((found) => found || look()),
        ASK_EVERY_MS,
      );
    };
    if (wanted) look();
  }

  /** True when there is no more to look for. */
  async function findAgain(ask: boolean): Promise<boolean> {
    if (!wanted) return true;
    if (ask) {
      await run([options.systemctl, 'reset-failed', spec.unit]);
      await run([options.systemctl, 'start', spec.unit], { timeoutMs: 60_000 });
    }
    const pid = await mainPid().catch(() => 0);
    return pid > 0 && watch(pid, false);
  }

  async function startUnit(verb: 'start' | 'restart'): Promise<void> {
    const before = await mainPid();
    await runOrThrow([options.systemctl, verb, spec.unit], { timeoutMs: 60_000 });
    const pid = await mainPid();
    if (pid === 0 || !watch(pid, verb === 'start' && pid === before)) {
      throw new Error(`${spec.unit} did not stay up: see journalctl --unit=${spec.unit}`);
    }
  }

  async function replace(reason: string): Promise<void> {
    clearTimeout(timer);
    stopLooking();
    if (status.kind === 'running') {
      signal(status.pid, 'SIGKILL');
      tell({ kind: 'exited', pid: status.pid, reason });
    }
    wanted = true;
    // Workers that hear nothing any more would make systemd wait for its stop time-out.
    await run([options.systemctl, 'kill', '--signal=SIGKILL', spec.unit]);
    await startUnit('restart');
  }

  return {
    name: spec.name,
    status: () => status,
    async start() {
      wanted = true;
      if (status.kind !== 'running') await startUnit('start');
    },
    async reload() {
      if (status.kind !== 'running') throw new Error(`${spec.name} cannot be reloaded: ${spec.unit} is not running`);
      await systemctl('reload', spec.unit);
    },
    async stop() {
      wanted = false;
      clearTimeout(timer);
      stopLooking();
      await runOrThrow([options.systemctl, 'stop', spec.unit], { timeoutMs: 60_000 });
      if (status.kind === 'running') tell({ kind: 'exited', pid: status.pid, reason: ON_REQUEST });
      status = { kind: 'stopped' };
    },
    restart: () => replace(ON_REQUEST),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    release() {
      wanted = false;
      clearTimeout(timer);
      stopLooking();
    },
  };
}
