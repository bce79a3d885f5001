import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, runOrThrow } from '../processes/run.ts';
import { ANCHOR, machinePaths } from './machine.fixture.ts';
import type { TestMachine } from './machine.fixture.ts';
import { asMachine, inHost, makePair, ownersOf, until } from './pair.fixture.ts';
import type { Pair } from './pair.fixture.ts';
import { keepalivedFiles } from './paths.ts';

const SOURCE = join(import.meta.dirname, '..');

export interface Outage {
  /** Longest time between the starts of two attempts that succeeded one after the other. */
  readonly gapMs: number;
  readonly failed: number;
  readonly attempts: number;
  /** Who answered last. */
  readonly lastAnswer: string;
}

function startProber(pair: Pair, vip: string): ChildProcess {
  const program = join(SOURCE, 'processes/probe.fixture.ts');
  const node = [process.execPath, '--no-warnings', program, vip, '80'];
  return spawn('nsenter', [`--net=/proc/${pair.client}/ns/net`, '--', ...node], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** How long after a new VIP was complete a client is served that asked for it all the time, in ms. */
export async function newVipServedAfter(pair: Pair, machine: TestMachine): Promise<number> {
  const prober = startProber(pair, machine.vips[0]!);
  const served = new Promise<number>((resolve) => {
    prober.stdout!.on('data', (data: Buffer) => {
      if (data.toString().includes(' lb-')) resolve(Date.now());
    });
  });
  await sleep(700);
  const [ready, answered] = await Promise.all([asMachine<number>(pair, machine, 'addVip'), served]);
  prober.kill('SIGKILL');
  return answered - ready;
}

/** New VIPs on a link that has 1,000 already: for a client without a neighbour entry, and for one with a wrong entry. */
export async function newVips(): Promise<unknown> {
  const pair = await makePair();
  const vips = Array.from({ length: 1000 }, (_, index) => `10.9.${2 + (index >> 8)}.${index & 255}`);
  const machine = { name: 'lb-1', advertIntervalMs: 100, vips };
  await inHost(pair.client, 'ip', 'route', 'add', '10.9.0.0/16', 'dev', 'eth0');
  await asMachine(pair, machine, 'setUp');
  await until('lb-1 owns', async () => (await ownersOf(pair, vips[999]!)).join() === 'lb-1');
  await sleep(700);
  const unknown = await newVipServedAfter(pair, { ...machine, vips: ['10.9.1.1'] });
  const elsewhere = ['10.9.1.2/32', 'dev', 'eth0'];
  await inHost(pair.machines['lb-2'], 'ip', 'addr', 'add', ...elsewhere);
  await run(['nsenter', `--net=/proc/${pair.client}/ns/net`, '--', 'ping', '-c', '1', '10.9.1.2']);
  await run([
    'nsenter',
    `--net=/proc/${pair.client}/ns/net`,
    '--',
    'timeout',
    '1',
    'bash',
    '-c',
    'echo >/dev/tcp/10.9.1.2/80',
  ]);
  const entry = await inHost(pair.client, 'ip', 'neigh', 'show', '10.9.1.2');
  await inHost(pair.machines['lb-2'], 'ip', 'addr', 'del', ...elsewhere);
  const wrong = await newVipServedAfter(pair, { ...machine, vips: ['10.9.1.2'] });
  return { unknown, entryWasWrong: entry.includes('02:00:00:00:00:12'), wrong };
}

/** What a client sees that opens a new connection every 5 ms, from 300 ms before the fault to `watchMs` after it. */
export async function outageOf(
  pair: Pair,
  vip: string,
  fault: () => Promise<unknown>,
  watchMs = 2500,
): Promise<Outage> {
  const prober = startProber(pair, vip);
  let printed = '';
  prober.stdout!.on('data', (data: Buffer) => {
    printed += data.toString();
  });
  await until('the client is served', async () => (printed.match(/ lb-/g) ?? []).length > 40);
  await fault();
  await sleep(watchMs);
  prober.kill('SIGKILL');
  const attempts = printed
    .split('\n')
    .filter((line) => line.includes(' '))
    .map((line) => line.split(' ') as [string, string])
    .map(([at, word]) => ({ at: Number(at), word }))
    .sort((a, b) => a.at - b.at);
  const good = attempts.filter(({ word }) => word !== 'FAILED');
  const gaps = good.map(({ at }, index) => at - (good[index - 1]?.at ?? at));
  return {
    gapMs: Math.round(Math.max(...gaps)),
    failed: attempts.length - good.length,
    attempts: attempts.length,
    lastAnswer: good.at(-1)?.word ?? 'nobody',
  };
}

function pidIn(file: string): number {
  return Number(readFileSync(file, 'utf8').trim());
}

async function workersOf(master: number): Promise<readonly number[]> {
  const children = await run(['pgrep', '-P', String(master)]);
  return children.stdout.trim().split('\n').map(Number);
}

/** Faults, one after the other, on two machines whose lbagents are dead. */
export async function faultsWithoutLbagent(advertIntervalMs: number): Promise<unknown> {
  const pair = await makePair();
  const vips = Array.from({ length: 100 }, (_, index) => `10.9.1.${index + 1}`);
  const vip = vips[50]!;
  const [one, two] = ['lb-1', 'lb-2'].map((name): TestMachine => ({
    name,
    advertIntervalMs,
    vips,
  })) as readonly TestMachine[] as readonly [TestMachine, TestMachine];
  await inHost(pair.client, 'ip', 'route', 'add', '10.9.1.0/24', 'dev', 'eth0');
  const seen: Record<string, unknown> = {};
  seen['setUp'] = await asMachine(pair, one, 'setUp');
  await until('lb-1 owns', async () => (await ownersOf(pair, vip)).join() === 'lb-1');
  await asMachine(pair, two, 'setUp');
  await sleep(700);
  seen['atStart'] = [await ownersOf(pair, ANCHOR), await ownersOf(pair, vip)];
  const settled = async (owner: string): Promise<void> => {
    await until(`${owner} alone owns`, async () => {
      const owners = [
        ...(await ownersOf(pair, ANCHOR)),
        ...(await ownersOf(pair, vip)),
        ...(await ownersOf(pair, vips[99]!)),
      ];
      return owners.join() === [owner, owner, owner].join();
    });
    await sleep(700);
  };
  const track = (name: string, word: string): void => writeFileSync(keepalivedFiles(machinePaths(name)).track, word);
  const master = (name: string): number => pidIn(`/run/${name}/run/haproxy.pid`);
  const link = (name: string, word: 'up' | 'down') => runOrThrow(['ip', 'link', 'set', name, word]);

  seen['announced'] = await outageOf(pair, vip, () => asMachine(pair, one, 'announceOften'), 100);
  seen['trackFile'] = await outageOf(pair, vip, async () => track('lb-1', '1'));
  await settled('lb-2');
  track('lb-1', '0');
  seen['fitAgain'] = await outageOf(pair, vip, async () => undefined, 500);
  seen['cut'] = await outageOf(pair, vip, () => link('lb-2', 'down'));
  await settled('lb-1');
  seen['healed'] = await outageOf(pair, vip, () => link('lb-2', 'up'));
  await settled('lb-1');
  seen['haproxyKilled'] = await outageOf(pair, vip, async () => process.kill(master('lb-1'), 'SIGKILL'), 4000);
  await settled('lb-2');
  await asMachine(pair, one, 'setUp');
  await sleep(1500);
  const [worker] = await workersOf(master('lb-2'));
  seen['haproxyStopped'] = await outageOf(pair, vip, async () => process.kill(worker!, 'SIGSTOP'), 5000);
  await settled('lb-1');
  process.kill(worker!, 'SIGCONT');
  await sleep(1500);
  const keepalived = pidIn(keepalivedFiles(machinePaths('lb-1')).pid);
  seen['keepalivedTerminated'] = await outageOf(pair, vip, async () => process.kill(keepalived, 'SIGTERM'));
  await settled('lb-2');
  await asMachine(pair, one, 'setUp');
  await sleep(1500);
  const group = pidIn(keepalivedFiles(machinePaths('lb-2')).pid);
  seen['keepalivedKilled'] = await outageOf(pair, vip, async () => process.kill(-group, 'SIGKILL'));
  seen['twoOwners'] = await ownersOf(pair, vip);
  await asMachine(pair, two, 'setUp');
  await settled('lb-1');
  const supervised = asMachine(pair, one, 'superviseKeepalived');
  await sleep(1000);
  const other = pidIn(keepalivedFiles(machinePaths('lb-1')).pid);
  seen['supervisedKeepalivedKilled'] = await outageOf(pair, vip, async () => process.kill(-other, 'SIGKILL'));
  await settled('lb-2');
  seen['supervised'] = await supervised;
  seen['states'] = ['lb-1', 'lb-2'].map((name) => readFileSync(`/run/${name}/run/edge-1.state`, 'utf8').trim());
  return seen;
}
