import { writeFileSync } from 'node:fs';
import { address } from '@fairlead/model';
import { programPath } from '../processes/namespace.fixture.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { diffCaught } from './elements.ts';
import type { NftablesFailure } from './kernel.ts';
import { openNftables } from './kernel.ts';
import { DEFAULT_MARK, renderRuleset } from './ruleset.ts';
import type { CaughtPort, RulesetSettings } from './types.ts';

const settings: RulesetSettings = {
  ipv4Port: 5000,
  ipv6Port: 5000,
  mark: DEFAULT_MARK,
  vrrpPeers: [address('10.9.0.12'), address('10.9.0.13')],
};

const open = (): ReturnType<typeof openNftables> => openNftables({ nft: programPath('nft'), settings });
const port = (host: string, number: number): CaughtPort => ({ address: address(host), port: number });
const nft = (...args: string[]): Promise<string> => runOrThrow([programPath('nft'), ...args]);

/** Everything the real nft is asked for, and what it answered. */
export async function lifeOfTheTable(): Promise<unknown> {
  const nftables = open();
  const seen: Record<string, unknown> = {};
  const change = { add: [port('10.0.0.1', 80), port('10.0.0.1', 443), port('fd00::1', 80)], remove: [] };

  seen['before'] = await nftables.observe();
  seen['withoutBase'] = await nftables.apply(change).catch((error: NftablesFailure) => [error.baseMissing, error.at]);
  await nftables.ensureBase(settings);
  await nftables.apply(change);
  await nftables.apply(change);
  seen['added'] = await nftables.observe();
  await nftables.apply({ add: [port('10.0.0.2', 80)], remove: [port('10.0.0.1', 443), port('10.0.0.99', 1)] });
  await nftables.ensureBase(settings);
  seen['changed'] = await nftables.observe();

  await nft('insert', 'rule', 'inet', 'fairlead', 'catch', 'drop');
  seen['foreignRule'] = (await nftables.observe()).base;
  await nftables.ensureBase(settings);
  await nft('flush', 'chain', 'inet', 'fairlead', 'vrrp');
  seen['lostRules'] = (await nftables.observe()).base;
  await nftables.ensureBase(settings);
  await nft('delete', 'table', 'ip', 'fairlead');
  seen['lostBeside'] = (await nftables.observe()).base;
  await nftables.ensureBase(settings);
  seen['repaired'] = await nftables.observe();
  const other = { ...settings, vrrpPeers: [] };
  await nftables.ensureBase(other);
  seen['otherPeers'] = (await nftables.observe()).base;
  seen['judgedByOldPeers'] = (await open().observe()).base;

  await nft('delete', 'table', 'inet', 'fairlead');
  seen['flushed'] = (await nftables.observe()).base;
  await nft('add table inet fairlead; add set inet fairlead tcp4 { type ipv4_addr; }');
  await nftables.ensureBase(settings);
  const observed = await nftables.observe();
  await nftables.apply(diffCaught(change.add, observed.caught));
  seen['rebuilt'] = await nftables.observe();
  await nftables.close();
  return seen;
}

/** A persistent nft that is killed is replaced, and large changes pass whole. */
export async function hardTimes(): Promise<unknown> {
  const nftables = open();
  await nftables.ensureBase(settings);
  await nftables.apply({ add: [port('10.0.0.1', 80)], remove: [] });
  const children = (await run(['pgrep', '-P', String(process.pid), '-f', 'nft'])).stdout.trim().split('\n');
  for (const child of children.filter((each) => each !== '')) process.kill(Number(child), 'SIGKILL');
  await nftables.apply({ add: [port('10.0.0.2', 80)], remove: [] });
  const many = Array.from({ length: 5000 }, (_, index) => port(`10.1.${index >> 8}.${index & 255}`, 80));
  await nftables.apply({ add: many, remove: [] });
  const times: number[] = [];
  for (let index = 0; index < 100; index++) {
    const started = performance.now();
    await nftables.apply({ add: [port('10.2.0.1', 1000 + index)], remove: [] });
    times.push(performance.now() - started);
  }
  const { caught } = await nftables.observe();
  await nftables.apply({ add: [], remove: caught });
  const after = await nftables.observe();
  await nftables.close();
  times.sort((a, b) => a - b);
  return { killed: children.length, caught: caught.length, left: after.caught.length, medianMs: times[50] };
}

/** Where the kernel has no `dup`: everything else is in force, and that is as good as it gets there. */
export async function withoutDup(): Promise<unknown> {
  const real = programPath('nft');
  const refuses = `#!/bin/sh
[ "$1" = -f ] || exec ${real} "$@"
cat >/run/input
! grep -q ' dup to ' /run/input || exit 1
exec ${real} -f /run/input
`;
  writeFileSync('/run/nft', refuses, { mode: 0o755 });
  const lacks: string[] = [];
  const nftables = openNftables({ nft: '/run/nft', settings, onLack: (message) => lacks.push(message) });
  await nftables.ensureBase(settings);
  await nftables.apply({ add: [port('10.0.0.1', 80)], remove: [] });
  const observed = await nftables.observe();
  await nftables.close();
  return { observed, lacks };
}

/** The golden ruleset, judged by the real nft without touching the kernel. */
export async function checked(text: string): Promise<unknown> {
  const result = await run([programPath('nft'), '-c', '-f', '-'], { input: text });
  return { code: result.code, stderr: result.stderr, same: text === renderRuleset(settings) };
}
