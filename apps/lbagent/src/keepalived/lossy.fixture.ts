import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from '../processes/namespace.fixture.ts';
import { writeLossyFile } from './files.ts';
import { ANCHOR, machinePaths } from './machine.fixture.ts';
import { asMachine, inHost, makePair, ownersOf, until } from './pair.fixture.ts';

const DEAF = 'add table ip deaf; add chain ip deaf in { type filter hook input priority -300; ip protocol vrrp drop; }';

/** Who owns while machines are said to lose packets, alone and after lb-2 did not hear lb-1 for a while. */
export async function lossyMachines(): Promise<unknown> {
  const pair = await makePair();
  const vips = ['10.9.1.1', '10.9.1.2'];
  const setUp = (name: string) => asMachine(pair, { name, advertIntervalMs: 100, vips }, 'setUp');
  const owners = () => ownersOf(pair, ANCHOR);
  const lossy = (name: string, is: boolean) => writeLossyFile(machinePaths(name), is);
  const nft = (rules: string) => inHost(pair.machines['lb-2'], programPath('nft'), rules);
  const afterClaimOfSecond = async (): Promise<readonly string[]> => {
    await nft(DEAF);
    await until('lb-2 claims them', async () => (await owners()).includes('lb-2'));
    await sleep(1_000);
    await nft('delete table ip deaf');
    await sleep(1_500);
    return owners();
  };
  await setUp('lb-1');
  await until('lb-1 owns', async () => (await owners()).join() === 'lb-1');
  await setUp('lb-2');
  await sleep(1_000);

  const none = await afterClaimOfSecond();
  lossy('lb-1', true);
  await sleep(1_500);
  const said = await owners();
  lossy('lb-2', true);
  const both = await afterClaimOfSecond();
  lossy('lb-2', false);
  const first = await afterClaimOfSecond();
  lossy('lb-1', false);
  await sleep(1_500);
  return { none, said, both, first, noMore: await owners() };
}
