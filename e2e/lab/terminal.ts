import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { exitCode } from './command.ts';
import { ownerOf } from './directories.ts';
import type { Machines } from './machines.ts';
import { intoLab } from './namespaces.ts';

/** What to run on this machine so that it runs on a host of the lab; for a terminal, or for a shell script. */
export async function commandOnHost(
  machines: Pick<Machines, 'directory' | 'status'>,
  host: string,
  argv: readonly string[],
): Promise<readonly string[]> {
  const status = (await machines.status()).find((each) => each.name === host);
  if (!status) throw new Error(`there is no host ${host}: \`list\` with the lab's name shows them`);
  if (status.pid === undefined) throw new Error(`${host} is down: \`boot\` it first`);
  return intoLab(firstProcessOf(machines.directory), status.pid, argv);
}

/** Runs a program on a host of the lab in this terminal; resolves with its code. */
export async function execInTerminal(
  machines: Pick<Machines, 'directory' | 'status'>,
  host: string,
  argv: readonly string[],
): Promise<number> {
  const [program, ...rest] = await commandOnHost(machines, host, argv);
  const path = pathOf(firstProcessOf(machines.directory));
  const child = spawn(program!, rest, { stdio: 'inherit', env: { ...process.env, PATH: path } });
  // Ctrl-C is for the program in the lab, which gets it from the terminal too.
  process.on('SIGINT', () => undefined);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(exitCode(code, signal)));
  });
}

/** The first process in the lab's namespaces, by its number on this machine. */
function firstProcessOf(directory: string): number {
  const gateway = ownerOf(directory);
  const unshare = gateway === undefined ? undefined : childOf(gateway);
  const first = unshare === undefined ? undefined : childOf(unshare);
  if (first === undefined) throw new Error('the lab is gone: its processes have ended');
  return first;
}

function childOf(parent: number): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) return Number(entry);
    } catch {
      // It has just ended.
    }
  }
  return undefined;
}

function pathOf(pid: number): string {
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  return variables.find((each) => each.startsWith('PATH='))?.slice(5) ?? '';
}
