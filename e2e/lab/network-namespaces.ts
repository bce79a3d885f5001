import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Each host sees its own /run, as a machine does, and its disk under the path all hosts use for theirs. */
const KEEPER = `
hostname "$1" && ip link set lo up &&
mount --bind "/run/lab/$1" "/run/lab/$1/run/lab/$1" &&
mount --rbind "/run/lab/$1/run" /run &&
echo up && exec sleep infinity`;

/** Starts the process that holds a host's namespaces; returns its pid once they are ready. */
export function startKeeper(host: string): Promise<number> {
  return spawnKeeper(host, ['unshare', '--net', '--mount', '--uts', 'sh', '-c', KEEPER, 'keeper', host]);
}

/** The same for a host that boots a system, which makes all but the network itself. */
export function startNetworkKeeper(host: string): Promise<number> {
  return spawnKeeper(host, ['unshare', '--net', 'sh', '-c', 'echo up && exec sleep infinity']);
}

async function spawnKeeper(host: string, [program, ...rest]: readonly string[]): Promise<number> {
  const keeper = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  keeper.stderr.on('data', (data: Buffer) => said.push(data.toString()));
  const up = await new Promise<boolean>((resolve) => {
    keeper.stdout.once('data', () => resolve(true));
    keeper.once('error', () => resolve(false));
    keeper.once('close', () => resolve(false));
  });
  if (up && keeper.pid !== undefined) return keeper.pid;
  throw new Error(`no namespaces for host ${host}: ${said.join('').trim() || 'unshare cannot be run'}`);
}

/** What to put before a command so that it runs in the namespaces that `keeper` holds. It becomes the command: same pid. */
export function into(keeper: number): readonly string[] {
  return ['nsenter', '-t', String(keeper), '-n', '-m', '-u', '--'];
}

/** Every process in the network namespace of `pid`, `pid` included. */
export function processesBeside(pid: number): number[] {
  const namespace = readlinkSync(`/proc/${pid}/ns/net`);
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

/** False when there is no such process. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
