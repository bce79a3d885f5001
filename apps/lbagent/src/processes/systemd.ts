import { identifyProcess, signal, whenGone, whenStopped } from './proc.ts';
import { STOPPED_TOO_LONG_MS } from './types.ts';
import type { ProcessEvent, ProcessSpec, ProcessStatus, Supervisor } from './types.ts';
import type { RunResult } from './run.ts';
import type { UnitControl, UnitVerb } from './unit-control.ts';

const LOOK_EVERY_MS = 50;
/** systemd gets this long to restart a unit by itself before lbagent asks for it. */
const ASK_AFTER_MS = 1000;
const ASK_EVERY_MS = 250;
/** How long systemd may take to start or stop a unit. */
const CHANGE_WITHIN_MS = 60_000;
const ON_REQUEST = 'was ended on request';

/** Leaves the program to systemd, watches its main process and asks for a start when systemd has given up on it. */
export function systemdSupervisor(spec: ProcessSpec, control: UnitControl): Supervisor {
  const listeners = new Set<(event: ProcessEvent) => void>();
  let status: ProcessStatus = { kind: 'stopped' };
  let wanted = false;
  let stopLooking: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;

  async function must(verb: UnitVerb): Promise<string> {
    const done = await control(verb, spec.unit, CHANGE_WITHIN_MS);
    if (done.code === 0) return done.stdout;
    throw new Error(whyNotDone(verb, spec, done));
  }

  async function mainPid(): Promise<number> {
    const shown = await must('show');
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
      await control('reset-failed', spec.unit);
      const done = await control('start', spec.unit, CHANGE_WITHIN_MS);
      const reason = whyNotDone('start', spec, done);
      if (done.code !== 0 && wanted) status = { kind: 'waiting', reason, delayMs: ASK_EVERY_MS };
    }
    const pid = await mainPid().catch(() => 0);
    return pid > 0 && watch(pid, false);
  }

  async function startUnit(verb: 'start' | 'restart'): Promise<void> {
    const before = await mainPid();
    await must(verb);
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
    await control('kill', spec.unit);
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
      await must('reload');
    },
    async stop() {
      wanted = false;
      clearTimeout(timer);
      stopLooking();
      await must('stop');
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

/** One sentence with what to do. */
function whyNotDone(verb: UnitVerb, { unit, name }: ProcessSpec, { code, stdout, stderr }: RunResult): string {
  const said = stderr.trim() || stdout.trim();
  if (/\bis masked\b/.test(said)) return `${unit} is masked: run systemctl unmask ${unit}`;
  if (/\bnot found\b|\bnot loaded\b/.test(said)) return `there is no ${unit}: install the package ${name}`;
  return `systemctl ${verb} ${unit} failed (code ${code}: ${said.replaceAll('\n', '; ')}): see journalctl --unit=${unit}`;
}
