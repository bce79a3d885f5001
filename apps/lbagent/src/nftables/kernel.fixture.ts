import { writeFileSync } from 'node:fs';
import { address } from '@fairlead/model';
import { programPath } from '../processes/namespace.fixture.ts';
import { limitChange } from '../planning/limits.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { diffCaught } from './elements.ts';
import type { NftablesFailure } from './kernel.ts';
import { openNftables } from './kernel.ts';
import { DEFAULT_MARK, renderRuleset } from './ruleset.ts';
import type { CaughtPort, Limit, RulesetSettings } from './types.ts';

const settings: RulesetSettings = {
  ipv4Port: 5000,
  ipv6Port: 5000,
  mark: DEFAULT_MARK,
  vrrpPeers: [address('10.9.0.12'), address('10.9.0.13')],
  memory: { address: address('10.9.0.11'), port: 7432 },
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

/** Who may reach a port, from limit to limit, as the real nft has it after each step. */
export async function limits(): Promise<unknown> {
  const nftables = open();
  await nftables.ensureBase(settings);
  const seen: Record<string, unknown> = {};
  const tcp = { address: address('10.0.0.1'), protocol: 'tcp', port: 80 } as const;
  const udp = { address: address('fd00::1'), protocol: 'udp', port: 53 } as const;
  const now = async (): Promise<readonly Limit[]> => {
    const found = (await nftables.observe()).limits.map((each) => ({ ...each, allowed: [...each.allowed].sort() }));
    return found.sort((a, b) => (a.address < b.address ? -1 : 1));
  };
  const go = async (from: Limit | undefined, to: Limit | undefined): Promise<readonly Limit[]> => {
    await nftables.limit([limitChange(from, to)]);
    return now();
  };
  const open4 = (allowed: readonly string[], inForce = true): Limit => ({ ...tcp, inForce, allowed });
  const first = open4(['10.0.0.0/8', '192.168.1.1/32']);
  const six: Limit = { ...udp, inForce: true, allowed: ['fd00::/8', '2001:db8::1/128'] };
  await nftables.limit([limitChange(undefined, first), limitChange(undefined, six)]);
  seen['made'] = await now();
  await go(six, undefined);
  const narrower = open4(['10.1.0.0/16', '192.168.1.1/32']);
  seen['narrower'] = await go(first, narrower);
  seen['wider'] = await go(narrower, open4(['10.0.0.0/7']));
  await go(open4(['10.0.0.0/7']), open4(['10.0.0.0/8']));
  await nft('add element inet fairlead ok4 { 10.0.0.1 . tcp . 80 . 8.0.0.0/5 }');
  seen['nested'] = await go((await now())[0], open4(['10.0.0.0/8']));
  seen['nobody'] = await go(open4(['10.0.0.0/8']), open4([]));
  seen['half'] = await go(open4([]), open4(['10.0.0.0/8'], false));
  seen['refused'] = await nftables
    .limit([{ port: tcp, add: [], remove: ['172.16.0.0/12'] }])
    .catch((error: NftablesFailure) => [error.baseMissing, /^nft refused a change/.exec(error.message)?.[0]]);
  seen['left'] = await go((await now())[0], undefined);
  const many = (of: (index: number) => string) => Array.from({ length: 5000 }, (_, index) => of(index));
  await nftables.limit([
    limitChange(
      undefined,
      open4(many((index) => `172.${16 + (index >> 12)}.${(index >> 4) & 255}.${(index & 15) << 4}/28`)),
    ),
    limitChange(undefined, { ...six, allowed: many((index) => `2001:db8:${index.toString(16)}::/48`) }),
  ]);
  const [v4, v6] = await now();
  seen['many'] = { v4: v4!.allowed.length, v6: v6!.allowed.length };
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

/** Where the kernel has no `dup` of that kind: everything else is in force, and that is as good as it gets there. */
export async function withoutDup(kind: string): Promise<unknown> {
  const real = programPath('nft');
  const refuses = `#!/bin/sh
[ "$1" = -f ] || exec ${real} "$@"
cat >/run/input
! grep -q '${kind}' /run/input || exit 1
exec ${real} -f /run/input
`;
  writeFileSync('/run/nft', refuses, { mode: 0o755 });
  const lacks: string[] = [];
  const nftables = openNftables({ nft: '/run/nft', settings, onLack: (message) => lacks.push(message) });
  await nftables.ensureBase(settings);
  await nftables.apply({ add: [port('10.0.0.1', 80)], remove: [] });
  const observed = await nftables.observe();
  await nftables.close();
  return { observed, lacks, sendsOn: (await nft('list', 'table', 'ip', 'fairlead')).includes('dup to') };
}

/** The golden ruleset, judged by the real nft without touching the kernel. */
export async function checked(text: string): Promise<unknown> {
  const result = await run([programPath('nft'), '-c', '-f', '-'], { input: text });
  return { code: result.code, stderr: result.stderr, same: text === renderRuleset(settings) };
}
