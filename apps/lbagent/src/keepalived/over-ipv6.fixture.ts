import { writeFileSync } from 'node:fs';
import { machinePaths, type TestMachine } from './machine.fixture.ts';
import { asMachine, inHost, makePair, ownersOf, until } from './pair.fixture.ts';
import { keepalivedFiles } from './paths.ts';

const VIP = 'fd09::100:1';

/** Two machines without an IPv4 address in common: who answers before and after a hand-over, and how long nobody did. */
export async function overIpv6(): Promise<unknown> {
  const pair = await makePair();
  for (const name of ['lb-1', 'lb-2']) {
    const machine: TestMachine = { name, advertIntervalMs: 100, vips: [VIP], overIpv6: true };
    await asMachine(pair, machine, 'setUp');
    await until('lb-1 owns', async () => (await ownersOf(pair, VIP)).join() === 'lb-1');
  }
  const ask = (): Promise<string> => inHost(pair.client, 'curl', '-s', '-m', '1', `http://[${VIP}]/`).catch(() => '');
  const first = await ask();
  writeFileSync(keepalivedFiles(machinePaths('lb-1')).track, '1');
  const startedAt = performance.now();
  let second = '';
  await until('lb-2 answers', async () => (second = await ask()) === 'lb-2');
  const tookMs = performance.now() - startedAt;
  await until('lb-2 alone owns', async () => (await ownersOf(pair, VIP)).join() === 'lb-2');
  return { first, second, tookMs };
}
