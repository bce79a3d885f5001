import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { machinePaths, type TestMachine } from './machine.fixture.ts';
import { asMachine, inHost, makePair, ownersOf, until } from './pair.fixture.ts';
import { keepalivedFiles } from './paths.ts';

const VIP = 'fd09::100:1';

/** Two machines that speak IPv6 to each other: who owns at first, and how long after a hand-over the other one answers. Throws when either does not. */
export async function overIpv6(): Promise<unknown> {
  const pair = await makePair();
  for (const name of ['lb-1', 'lb-2']) {
    const machine: TestMachine = { name, advertIntervalMs: 100, vips: [VIP], overIpv6: true };
    await asMachine(pair, machine, 'setUp');
    await until('lb-1 owns', async () => (await ownersOf(pair, VIP)).join() === 'lb-1');
  }
  const ask = (): Promise<string> => inHost(pair.client, 'curl', '-s', '-m', '1', `http://[${VIP}]/`).catch(() => '');
  // Who does not hear the other one owns as well, some adverts later.
  await sleep(1_000);
  const owners = await ownersOf(pair, VIP);
  await until('lb-1 answers', async () => (await ask()) === 'lb-1');
  writeFileSync(keepalivedFiles(machinePaths('lb-1')).track, '1');
  const startedAt = performance.now();
  await until('lb-2 answers', async () => (await ask()) === 'lb-2');
  const tookMs = performance.now() - startedAt;
  await until('lb-2 alone owns', async () => (await ownersOf(pair, VIP)).join() === 'lb-2');
  return { owners, tookMs };
}
