import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childSupervisor } from './child.ts';
import { programPath } from './namespace.fixture.ts';
import { identifyProcess } from './proc.ts';
import { writeRecord } from './record.ts';
import { run } from './run.ts';
import { systemdSupervisor } from './systemd.ts';
import { systemctlControl } from './unit-control.ts';
import type { ProcessEvent, ProcessSpec, ProcessStatus, Supervisor } from './types.ts';

/** A program that says what signals it hears, has a child as HAProxy's master has a worker, and ends on SIGTERM. */
const PROGRAM = `trap 'echo reloaded' USR2; trap 'echo ended; kill $!; exit 0' TERM; echo started; while :; do sleep 1000 & wait $!; done`;
const STUBBORN = `trap '' TERM; sleep 1000 & while :; do wait; done`;

const STATE = '/run/state';

function specOf(script: string): ProcessSpec {
  return {
    name: 'program',
    unit: 'program.service',
    argv: ['/bin/sh', '-c', script],
    reloadSignal: 'SIGUSR2',
    stopSignal: 'SIGTERM',
    restartAfterMs: 0,
    staleFiles: ['/run/stale.pid'],
  };
}

function open(script = PROGRAM): Supervisor {
  return childSupervisor(specOf(script), { stateDirectory: STATE, logFile: '/run/log/program.log', stopGraceMs: 300 });
}

function pidOf(status: ProcessStatus): number {
  return status.kind === 'running' ? status.pid : 0;
}

function log(): readonly string[] {
  return readFileSync('/run/log/program.log', 'utf8').trim().split('\n');
}

/** Resolves with the next event of that kind and the time it took, in ms. */
function next(supervisor: Supervisor, kind: ProcessEvent['kind']): Promise<{ event: ProcessEvent; ms: number }> {
  const started = performance.now();
  return new Promise((resolve) => {
    const stop = supervisor.subscribe((event) => {
      if (event.kind !== kind) return;
      stop();
      resolve({ event, ms: performance.now() - started });
    });
  });
}

/** How many processes called sleep live; the first process of the test's namespace does not reap zombies. */
async function sleepers(): Promise<number> {
  const states = (await run(['ps', '-C', 'sleep', '-o', 'stat='])).stdout.split('\n');
  return states.filter((state) => state !== '' && !state.startsWith('Z')).length;
}

export async function killed(): Promise<unknown> {
  writeFileSync('/run/stale.pid', '1');
  const supervisor = open();
  await supervisor.start();
  await supervisor.start();
  const staleFileLeft = existsSync('/run/stale.pid');
  const before = pidOf(supervisor.status());
  await sleep(100);
  const exited = next(supervisor, 'exited');
  const started = next(supervisor, 'started');
  process.kill(before, 'SIGKILL');
  const { event, ms } = await exited;
  await started;
  const after = pidOf(supervisor.status());
  // The new program starts a child of its own in a moment.
  await sleep(100);
  const left = await sleepers();
  await supervisor.reload();
  await sleep(100);
  await supervisor.stop();
  const gone = await sleepers();
  return {
    staleFileLeft,
    event: { ...event, pid: 0 },
    ms,
    other: after !== before && after > 0,
    left,
    log: log(),
    gone,
    status: supervisor.status(),
  };
}

/** Starts the program and is gone, as a killed lbagent. */
export async function startAndForget(): Promise<unknown> {
  const supervisor = open();
  await supervisor.start();
  const pid = pidOf(supervisor.status());
  await sleep(100);
  supervisor.release();
  return pid;
}

/** Another process starts the program and ends; this one adopts it. */
export async function adopted(): Promise<unknown> {
  const runner = [
    process.execPath,
    '--no-warnings',
    `${import.meta.dirname}/namespace-runner.fixture.ts`,
    '--here',
  ] as const;
  const printed = await run([...runner, import.meta.filename, 'startAndForget']);
  const pid = Number(/RESULT (\d+)/.exec(printed.stdout)?.[1]);
  const supervisor = open();
  await supervisor.start();
  const status = supervisor.status();
  const started = next(supervisor, 'started');
  const exited = next(supervisor, 'exited');
  process.kill(pid, 'SIGKILL');
  const { ms } = await exited;
  await started;
  const again = supervisor.status();
  await supervisor.stop();
  return { same: pidOf(status) === pid, status: { ...status, pid: 0 }, ms, again: { ...again, pid: 0 } };
}

/** The record names a pid that a stranger has now. */
export async function stranger(): Promise<unknown> {
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' });
  await sleep(50);
  const id = identifyProcess(other.pid!)!;
  writeRecord(STATE, 'program', { ...id, startTime: '1', argv: specOf(PROGRAM).argv });
  const supervisor = open();
  await supervisor.start();
  const status = supervisor.status();
  await supervisor.stop();
  const spared = identifyProcess(other.pid!) !== undefined;
  other.kill('SIGKILL');
  return { status: { ...status, pid: 0 }, spared };
}

/** What runs was started for other paths. */
export async function otherArguments(): Promise<unknown> {
  const first = open();
  await first.start();
  await sleep(100);
  const before = pidOf(first.status());
  first.release();
  const second = open(`${PROGRAM} # other`);
  await second.start();
  const after = pidOf(second.status());
  await sleep(100);
  await second.stop();
  return { replaced: after !== before, firstEnded: identifyProcess(before) === undefined, log: log() };
}

export async function hung(): Promise<unknown> {
  const supervisor = open(STUBBORN);
  await supervisor.start();
  await sleep(100);
  const before = pidOf(supervisor.status());
  process.kill(-before, 'SIGSTOP');
  await supervisor.restart();
  await sleep(100);
  const sleeping = await sleepers();
  const after = pidOf(supervisor.status());
  const started = performance.now();
  await supervisor.stop();
  return { replaced: after !== before, sleeping, stopMs: performance.now() - started, left: await sleepers() };
}

/** Only the child of the program is stopped, as when HAProxy's worker hangs; the first one comes back to itself in time. */
export async function stopped(): Promise<unknown> {
  const supervisor = open();
  await supervisor.start();
  await sleep(100);
  const before = pidOf(supervisor.status());
  process.kill(before, 'SIGSTOP');
  await sleep(400);
  process.kill(before, 'SIGCONT');
  await sleep(1200);
  const spared = pidOf(supervisor.status()) === before;
  const [child] = (await run(['pgrep', '-P', String(before)])).stdout.trim().split('\n').map(Number);
  const started = next(supervisor, 'started');
  const exited = next(supervisor, 'exited');
  process.kill(child!, 'SIGSTOP');
  const { event, ms } = await exited;
  await started;
  await sleep(100);
  const sleeping = await sleepers();
  await supervisor.stop();
  return { spared, event: { ...event, pid: 0 }, ms, sleeping };
}

export async function unrunnable(): Promise<unknown> {
  const spec: ProcessSpec = { ...specOf(''), argv: ['/run/nothing-here'] };
  const supervisor = childSupervisor(spec, { stateDirectory: STATE, logFile: '/run/log/program.log' });
  const message = await supervisor.start().then(
    () => 'started',
    (error: Error) => error.message,
  );
  const reload = await supervisor.reload().catch((error: Error) => error.message);
  return { message, reload, status: supervisor.status() };
}

/** A program that ends at once: how often it is started within 1.5 s. */
export async function crashing(): Promise<unknown> {
  const supervisor = open('echo started; exit 7');
  const reasons: string[] = [];
  supervisor.subscribe((event) => event.kind === 'exited' && reasons.push(event.reason));
  await supervisor.start();
  await sleep(1500);
  await supervisor.stop();
  return { starts: log().length, reason: reasons[0] };
}

/** Stands in for systemctl and for the part of systemd that starts and stops a unit; it does not restart by itself. */
const SYSTEMCTL = `#!/bin/sh
echo "$*" >>/run/systemctl.log
pid=$(cat /run/unit.pid 2>/dev/null || echo 0)
alive() { [ "$pid" != 0 ] && kill -0 "$pid" 2>/dev/null && [ "$(cut -d' ' -f3 /proc/$pid/stat)" != Z ]; }
start() { alive || { setsid sleep 1000 >/dev/null 2>&1 & echo $! >/run/unit.pid; }; }
case $1 in
  show) alive || pid=0; echo MainPID=$pid ;;
  start) start ;;
  stop) kill $pid; sleep 0.1 ;;
  restart) alive && { kill -9 $pid; sleep 0.1; }; start ;;
esac
`;

export async function underSystemd(): Promise<unknown> {
  mkdirSync('/run/bin');
  writeFileSync('/run/bin/systemctl', SYSTEMCTL);
  chmodSync('/run/bin/systemctl', 0o755);
  const supervisor = systemdSupervisor(specOf(''), systemctlControl('/run/bin/systemctl'));
  await supervisor.start();
  const first = pidOf(supervisor.status());
  await supervisor.reload();
  const exited = next(supervisor, 'exited');
  const started = next(supervisor, 'started');
  process.kill(first, 'SIGKILL');
  const { ms } = await exited;
  await started;
  const second = pidOf(supervisor.status());
  supervisor.release();
  const later = systemdSupervisor(specOf(''), systemctlControl('/run/bin/systemctl'));
  await later.start();
  const adopted = later.status();
  await later.restart();
  const third = pidOf(later.status());
  await later.stop();
  await sleep(100);
  const words = readFileSync('/run/systemctl.log', 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('show'));
  return {
    distinct: new Set([0, first, second, third]).size,
    ms,
    adopted: { ...adopted, pid: pidOf(adopted) === second },
    words,
    sleepers: await sleepers(),
  };
}

export async function commands(): Promise<unknown> {
  const echo = await run(['cat'], { input: 'hello' });
  const failing = await run(['/bin/sh', '-c', 'echo no >&2; exit 3']);
  const slow = await run(['sleep', '1000'], { timeoutMs: 100 });
  const missing = await run(['/run/nothing-here']);
  return { echo, failing, slow, missing, flock: programPath('flock').endsWith('/flock') };
}
