import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressFamily } from '@fairlead/model';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from '../processes/namespace.fixture.ts';
import type { Held } from '../processes/hold.fixture.ts';
import { machinePaths } from './machine.fixture.ts';
import type { TestMachine } from './machine.fixture.ts';
import { asMachine, inHost, makePair, ownersOf, until } from './pair.fixture.ts';
import type { Pair } from './pair.fixture.ts';
import { keepalivedFiles } from './paths.ts';

type Name = 'lb-1' | 'lb-2';

const PROCESSES = join(import.meta.dirname, '../processes');
const VIPS = {
  ipv4: Array.from({ length: 20 }, (_, index) => `10.9.1.${index + 1}`),
  ipv6: Array.from({ length: 20 }, (_, index) => `fd09::1:${index + 1}`),
};

export interface HandOvers {
  /** Hand-overs in turns: there and back are two. */
  readonly count: number;
  readonly advertIntervalMs: number;
  /** Of the addresses; the machines know each other by IPv4. */
  readonly family: AddressFamily;
}

interface Program {
  /** What it printed since the last time. */
  read(): readonly string[];
  /** How many lines `read` would give. */
  seen(): number;
  /** Gives it a line and waits for one. */
  ask(): Promise<string>;
  stop(): void;
}

function onClient(pair: Pair, program: string, ...args: readonly string[]): Program {
  const node = [process.execPath, '--no-warnings', join(PROCESSES, program), ...args];
  const child = spawn('nsenter', [`--net=/proc/${pair.client}/ns/net`, '--', ...node], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  createInterface(child.stdout).on('line', (line) => {
    const next = waiting.shift();
    if (next) next(line);
    else lines.push(line);
  });
  return {
    read: () => lines.splice(0),
    seen: () => lines.length,
    ask: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        child.stdin.write('\n');
      }),
    stop: () => child.kill('SIGKILL'),
  };
}

async function makeSite({ advertIntervalMs, family }: HandOvers): Promise<Pair> {
  const pair = await makePair();
  await inHost(pair.client, 'ip', 'route', 'add', '10.9.1.0/24', 'dev', 'eth0');
  for (const name of ['lb-1', 'lb-2']) {
    const machine: TestMachine = { name, advertIntervalMs, vips: VIPS[family] };
    await asMachine(pair, machine, 'setUp');
    await until('lb-1 owns', async () => (await ownersOf(pair, VIPS[family][10]!)).join() === 'lb-1');
  }
  return pair;
}

/** Hands over again and again, while connections are held and new ones opened every 5 ms. */
export async function handOvers(order: HandOvers): Promise<unknown> {
  const { count, family } = order;
  const vip = VIPS[family][10]!;
  const pair = await makeSite(order);
  const track = (name: string, word: string): void => writeFileSync(keepalivedFiles(machinePaths(name)).track, word);
  const prober = onClient(pair, 'probe.fixture.ts', vip, '80', '5');
  await sleep(700);
  const holds = [onClient(pair, 'hold.fixture.ts', vip, '80', '5', '10')];
  const before = await untilHeld(holds[0]!);
  let owner: Name = 'lb-1';
  let other: Name = 'lb-2';
  const failures: number[] = [];
  let attempts = 0;
  for (let turn = 0; turn < count; turn++) {
    track(owner, '1');
    await until(`${other} alone owns`, async () => (await ownersOf(pair, vip)).join() === other);
    if (turn === 0) {
      holds.push(onClient(pair, 'hold.fixture.ts', vip, '80', '5', '10'));
      await untilHeld(holds[1]!);
    }
    await sleep(900);
    track(owner, '0');
    await sleep(400);
    const lines = prober.read();
    attempts += lines.length;
    failures.push(lines.filter((line) => line.endsWith('FAILED')).length);
    [owner, other] = [other, owner];
  }
  const held = (await Promise.all(holds.map((hold) => hold.ask()))).map((line) => JSON.parse(line) as Held);
  prober.stop();
  for (const hold of holds) hold.stop();
  return { before, attempts, failures, held, stray: await strayPackets(pair, owner, family) };
}

/** New connections to a machine that answers each with a SYN cookie: how many came, were let in so, and failed. */
export async function cookies(family: AddressFamily): Promise<unknown> {
  const pair = await makeSite({ count: 0, advertIntervalMs: 100, family });
  const owner = pair.machines['lb-1'];
  // Always, not only when the queue is full.
  await inHost(owner, 'sysctl', '-qw', 'net.ipv4.tcp_syncookies=2');
  const prober = onClient(pair, 'probe.fixture.ts', VIPS[family][10]!, '80', '5');
  await until('200 have tried', async () => prober.seen() >= 200);
  prober.stop();
  const lines = prober.read();
  const netstat = (await inHost(owner, 'cat', '/proc/net/netstat'))
    .split('\n')
    .filter((line) => line.startsWith('TcpExt'));
  const [names = [], values = []] = netstat.map((line) => line.split(' '));
  return {
    letIn: Number(values[names.indexOf('SyncookiesRecv')]),
    failed: lines.filter((line) => line.endsWith('FAILED')).length,
  };
}

/** What is seen of the connections once all of them are open and somebody has answered. */
async function untilHeld(hold: Program): Promise<Held> {
  let seen: Held | undefined;
  await until('held connections answer', async () => {
    seen = JSON.parse(await hold.ask()) as Held;
    return seen.machines.length > 0 && seen.open === 5;
  });
  return seen!;
}

/**
 * Packets of a connection that nobody has, while both machines have heard a farewell of the other: how many the owner sent on,
 * and how many came back to be sent on again.
 */
async function strayPackets(
  pair: Pair,
  owner: Name,
  family: AddressFamily,
): Promise<{ sentOn: number; again: number }> {
  const other = owner === 'lb-1' ? 'lb-2' : 'lb-1';
  const [from = '', to = ''] = VIPS[family];
  const header = family === 'ipv4' ? 'ip' : 'ip6';
  const before = [await sentOnBy(pair, owner, header), await sentOnBy(pair, other, header)] as const;
  const hold = onClient(pair, 'hold.fixture.ts', from, '80', '1', '10');
  await until('one is open', async () => (JSON.parse(await hold.ask()) as Held).open === 1);
  await inHost(
    pair.client,
    programPath('nft'),
    `add table ${header} t; add chain ${header} t o { type filter hook output priority 0; }`,
  );
  const redirect = `${header} daddr ${from} ${header} daddr set ${to}`;
  await inHost(pair.client, programPath('nft'), `add rule ${header} t o ${redirect}`);
  await until('packets were sent on', async () => (await sentOnBy(pair, owner, header)) > before[0]);
  await sleep(200);
  hold.stop();
  return {
    sentOn: (await sentOnBy(pair, owner, header)) - before[0],
    again: (await sentOnBy(pair, other, header)) - before[1],
  };
}

async function sentOnBy(pair: Pair, machine: Name, header: 'ip' | 'ip6'): Promise<number> {
  const listed = await inHost(pair.machines[machine], programPath('nft'), 'list', 'table', header, 'fairlead');
  return Number(/counter packets (\d+)/.exec(listed)![1]);
}
