import { readdirSync, readFileSync } from 'node:fs';

/** A process that no later process of the same number is mistaken for. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot (field 22 of /proc/PID/stat). */
  readonly startTime: string;
  /** Ticks start anew with each boot. */
  readonly bootId: string;
}

/** Undefined when there is no such process, or only its zombie. */
export function identifyProcess(pid: number): ProcessId | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime, bootId: bootId() };
}

export function isAlive(id: ProcessId): boolean {
  return startTimeOf(id.pid) === id.startTime && bootId() === id.bootId;
}

/** Field 22 of /proc/PID/stat; undefined for a zombie. PURE. */
export function parseStartTime(stat: string): string | undefined {
  const fields = fieldsOf(stat);
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

/** Calls back once when the process is gone, at most `everyMs` later. Returns the way to stop looking. */
export function whenGone(id: ProcessId, everyMs: number, callback: () => void): () => void {
  const timer = setInterval(() => {
    if (startTimeOf(id.pid) === id.startTime) return;
    clearInterval(timer);
    callback();
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Calls back once when the process or a child of it has been stopped (SIGSTOP; not by a debugger) for `forMs`. */
export function whenStopped(pid: number, forMs: number, callback: () => void): () => void {
  let since: number | undefined;
  const timer = setInterval(() => {
    const stopped = [pid, ...childrenOf(pid)].some((each) => fieldsOf(readStat(each) ?? '')[0] === 'T');
    since = stopped ? (since ?? performance.now()) : undefined;
    if (since === undefined || performance.now() - since < forMs) return;
    clearInterval(timer);
    callback();
  }, forMs / 4);
  timer.unref();
  return () => clearInterval(timer);
}

/** Empty where the kernel does not tell (CONFIG_PROC_CHILDREN). */
function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text
      .split(' ')
      .filter((word) => word !== '')
      .map(Number);
  } catch {
    return [];
  }
}

/** Sends a signal to a process, or with `-pid` to its group. False when there is none. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Waits until nobody is left in the process group; after `graceMs` ends them by force. */
export async function groupGone(group: number, graceMs: number): Promise<void> {
  const until = performance.now() + graceMs;
  while (signal(-group, 0) && hasLivingMember(group)) {
    if (performance.now() >= until) signal(-group, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A group of zombies still takes signals, and stays for as long as nobody reaps them. */
function hasLivingMember(group: number): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    const stat = readStat(Number(name));
    return stat !== undefined && parseGroup(stat) === group && parseStartTime(stat) !== undefined;
  });
}

/** Field 5 of /proc/PID/stat. PURE. */
export function parseGroup(stat: string): number {
  return Number(fieldsOf(stat)[2]);
}

/** Field 3 and what follows: the program's name before it, in brackets, may itself hold blanks and brackets. */
function fieldsOf(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

function startTimeOf(pid: number): string | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : parseStartTime(stat);
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return knownBootId;
}
