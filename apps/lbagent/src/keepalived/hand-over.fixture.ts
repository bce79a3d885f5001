import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
const VIPS = Array.from({ length: 20 }, (_, index) => `10.9.1.${index + 1}`);
const VIP = VIPS[10]!;

export interface HandOvers {
  /** Hand-overs in turns: there and back are two. */
  readonly count: number;
  readonly advertIntervalMs: number;
}

interface Program {
  /** What it printed since the last time. */
  read(): readonly string[];
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
    ask: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        child.stdin.write('\n');
      }),
    stop: () => child.kill('SIGKILL'),
  };
}

async function makeSite(advertIntervalMs: number): Promise<Pair> {
  const pair = await makePair();
  await inHost(pair.client, 'ip', 'route', 'add', '10.9.1.0/24', 'dev', 'eth0');
  for (const name of ['lb-1', 'lb-2']) {
    const machine: TestMachine = { name, advertIntervalMs, vips: VIPS };
    await asMachine(pair, machine, 'setUp');
    await until('lb-1 owns', async () => (await ownersOf(pair, VIP)).join() === 'lb-1');
  }
  return pair;
}

/** Hands over again and again, while connections are held and new ones opened every 5 ms. */
export async function handOvers({ count, advertIntervalMs }: HandOvers): Promise<unknown> {
  const pair = await makeSite(advertIntervalMs);
  const track = (name: string, word: string): void => writeFileSync(keepalivedFiles(machinePaths(name)).track, word);
  const prober = onClient(pair, 'probe.fixture.ts', VIP, '80', '5');
  await sleep(700);
  const holds = [onClient(pair, 'hold.fixture.ts', VIP, '80', '5', '10')];
  await sleep(500);
  const before = JSON.parse(await holds[0]!.ask()) as Held;
  let owner: Name = 'lb-1';
  let other: Name = 'lb-2';
  const failures: number[] = [];
  let attempts = 0;
  for (let turn = 0; turn < count; turn++) {
    track(owner, '1');
    await until(`${other} alone owns`, async () => (await ownersOf(pair, VIP)).join() === other);
    if (turn === 0) holds.push(onClient(pair, 'hold.fixture.ts', VIP, '80', '5', '10'));
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
  return { before, attempts, failures, held, stray: await strayPackets(pair, owner) };
}

/**
 * Packets of a connection that nobody has, while both machines have heard a farewell of the other: how many the owner sent on,
 * and how many came back to be sent on again.
 */
async function strayPackets(pair: Pair, owner: Name): Promise<{ sentOn: number; again: number }> {
  const other = owner === 'lb-1' ? 'lb-2' : 'lb-1';
  const [from = '', to = ''] = VIPS;
  const before = [await sentOnBy(pair, owner), await sentOnBy(pair, other)] as const;
  const hold = onClient(pair, 'hold.fixture.ts', from, '80', '1', '10');
  await sleep(300);
  await inHost(
    pair.client,
    programPath('nft'),
    'add table ip t; add chain ip t o { type filter hook output priority 0; }',
  );
  await inHost(pair.client, programPath('nft'), `add rule ip t o ip daddr ${from} ip daddr set ${to}`);
  await sleep(500);
  hold.stop();
  return {
    sentOn: (await sentOnBy(pair, owner)) - before[0],
    again: (await sentOnBy(pair, other)) - before[1],
  };
}

async function sentOnBy(pair: Pair, machine: Name): Promise<number> {
  const listed = await inHost(pair.machines[machine], programPath('nft'), 'list', 'table', 'ip', 'fairlead');
  return Number(/counter packets (\d+)/.exec(listed)![1]);
}
