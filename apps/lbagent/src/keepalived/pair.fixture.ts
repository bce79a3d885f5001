import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, runOrThrow } from '../processes/run.ts';
import type { TestMachine } from './machine.fixture.ts';

const SOURCE = join(import.meta.dirname, '..');

/** A client and two LB machines on one bridge, each in its own network namespace, inside the namespaces of the test. */
export interface Pair {
  readonly client: number;
  readonly machines: Readonly<Record<'lb-1' | 'lb-2', number>>;
}

export async function makePair(): Promise<Pair> {
  await runOrThrow(['ip', 'link', 'add', 'br0', 'type', 'bridge']);
  await runOrThrow(['ip', 'link', 'set', 'br0', 'up']);
  const client = await makeHost('client', '10.9.0.50/24');
  const pair = {
    client,
    machines: { 'lb-1': await makeHost('lb-1', '10.9.0.11/24'), 'lb-2': await makeHost('lb-2', '10.9.0.12/24') },
  };
  return pair;
}

async function makeHost(name: string, address: string): Promise<number> {
  const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  const pid = holder.pid!;
  const own = readlinkSync('/proc/self/ns/net');
  while (readlinkSync(`/proc/${pid}/ns/net`) === own) await sleep(5);
  const mac = `02:00:00:00:00:${address.split('/')[0]!.split('.')[3]!}`;
  await runOrThrow([
    'ip',
    'link',
    'add',
    name,
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'address',
    mac,
    'netns',
    String(pid),
  ]);
  await runOrThrow(['ip', 'link', 'set', name, 'master', 'br0', 'up']);
  await inHost(pid, 'ip', 'link', 'set', 'lo', 'up');
  await inHost(pid, 'ip', 'addr', 'add', address, 'dev', 'eth0');
  await inHost(pid, 'ip', 'addr', 'add', `fd09::${address.split(/[./]/)[3]}/64`, 'dev', 'eth0', 'nodad');
  await inHost(pid, 'ip', 'link', 'set', 'eth0', 'up');
  return pid;
}

export function inHost(pid: number, ...argv: string[]): Promise<string> {
  return runOrThrow(['nsenter', `--net=/proc/${pid}/ns/net`, '--', ...argv]);
}

/** Calls a function of the machine's fixture in the machine's namespace, as lbagent would run there. */
export async function asMachine<T>(pair: Pair, machine: TestMachine, name: string): Promise<T> {
  const runner = join(SOURCE, 'processes/namespace-runner.fixture.ts');
  const module = join(SOURCE, 'keepalived/machine.fixture.ts');
  const pid = pair.machines[machine.name as 'lb-1'];
  const node = [process.execPath, '--no-warnings', runner, '--here', module, name, JSON.stringify(machine)];
  const printed = await inHost(pid, ...node);
  return JSON.parse(/^RESULT (.*)$/m.exec(printed)![1]!) as T;
}

/** Machines whose link carries the address. */
export async function ownersOf(pair: Pair, address: string): Promise<readonly string[]> {
  const owners: string[] = [];
  for (const [name, pid] of Object.entries(pair.machines)) {
    const listed = await inHost(pid, 'ip', '-o', 'addr', 'show', 'dev', 'eth0', 'to', address);
    if (listed !== '') owners.push(name);
  }
  return owners;
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`${what}: not within 10 s\n${await logsOf('lb-1')}${await logsOf('lb-2')}`);
    await sleep(20);
  }
}

async function logsOf(name: string): Promise<string> {
  return (await run(['tail', '-n', '30', `/run/${name}/keepalived.log`, `/run/${name}/haproxy.log`])).stdout;
}
