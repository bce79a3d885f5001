import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { address } from '@fairlead/model';
import { keepalivedFiles } from './keepalived/paths.ts';
import { rulesetOf } from './kernel-side.ts';
import { openLinks } from './links/kernel.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE } from './links/routing.ts';
import { openNftables } from './nftables/kernel.ts';
import { DEFAULT_MARK } from './nftables/ruleset.ts';
import { programPath } from './processes/namespace.fixture.ts';
import { run, runOrThrow } from './processes/run.ts';
import { withdraw } from './withdraw.ts';

const DIRECTORY = '/run/lbagent-test';
const paths = { config: `${DIRECTORY}/keepalived.conf`, directory: DIRECTORY, runDirectory: DIRECTORY };
const stateFile = `${DIRECTORY}/desired-state.json`;
const routing = { mark: DEFAULT_MARK, table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY };

const ip = (...args: string[]): Promise<string> => runOrThrow([programPath('ip'), ...args]);
const takeBack = (): Promise<readonly string[]> =>
  withdraw({ stateFile, paths, programs: { nft: programPath('nft'), ip: programPath('ip') } });

/** A machine that served, with a little of its owner's own beside it. */
async function serve(): Promise<void> {
  mkdirSync(DIRECTORY);
  await ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far');
  for (const own of ['10.0.0.11/24', '10.0.0.12/32']) await ip('addr', 'add', own, 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  await ip('rule', 'add', 'priority', '4000', 'fwmark', '7', 'lookup', '77');
  await runOrThrow([programPath('nft'), 'add', 'table', 'inet', 'owner']);

  const settings = rulesetOf(
    { machine: 'lb-1', members: [] },
    { ruleset: { ipv4Port: 5000, ipv6Port: 5000, mark: DEFAULT_MARK }, peersPort: 7432, routing },
  );
  const nftables = openNftables({ nft: programPath('nft'), settings });
  await nftables.ensureBase(settings);
  await nftables.apply({ add: [{ address: address('10.0.0.80'), port: 80 }], remove: [] });
  const links = openLinks({ ip: programPath('ip') });
  await links.ensureRouting({ ...routing, devices: ['eth0'] });
  await links.apply({ add: [{ device: 'eth0', address: address('10.0.0.80') }], remove: [] });
  await Promise.all([nftables.close(), links.close()]);
  // As a keepalived that was killed leaves it.
  await ip('addr', 'add', '10.0.0.50/32', 'dev', 'eth0');
  const config = {
    machine: 'lb-1',
    members: [],
    networks: [{ network: 'net', device: 'eth0' }],
    vrrpInstances: [{ name: 'V1', network: 'net', anchorAddress: '10.0.0.50' }],
  };
  const state = {
    schema: 1,
    version: { epoch: 1, generation: 1 },
    config,
    nodeSets: [],
    unreadable: {},
    nodeChecks: {},
    loadBalancers: [],
  };
  writeFileSync(stateFile, JSON.stringify(state));
}

async function look(): Promise<unknown> {
  const addresses = JSON.parse(await ip('-j', '-4', 'addr', 'show', 'eth0')) as {
    addr_info: { local: string }[];
  }[];
  const rules = JSON.parse(await ip('-j', 'rule', 'show')) as { priority: number }[];
  const route = await run([programPath('ip'), 'route', 'show', 'table', `${DEFAULT_TABLE}`]);
  const sysctl = await runOrThrow(['cat', '/proc/sys/net/ipv4/conf/eth0/arp_ignore']);
  return {
    addresses: addresses[0]?.addr_info.map(({ local }) => local).sort(),
    rules: rules.map(({ priority }) => priority).filter((priority) => priority > 0 && priority < 32_000),
    routes: route.stdout.trim(),
    tables: (await runOrThrow([programPath('nft'), 'list', 'tables'])).trim().split('\n').sort(),
    arpIgnore: sysctl.trim(),
  };
}

export async function afterServing(): Promise<unknown> {
  await serve();
  const before = await look();
  const problems = await takeBack();
  const after = await look();
  return { before, problems, after, again: await takeBack() };
}

/** While a process of keepalived's number lives; then with what was remembered lost. */
export async function tooEarly(): Promise<unknown> {
  await serve();
  const stranger = spawn('sleep', ['60']);
  writeFileSync(keepalivedFiles(paths).pid, `${stranger.pid}\n`);
  const refused = await takeBack();
  const untouched = await look();
  stranger.kill('SIGKILL');
  await once(stranger, 'exit');
  writeFileSync(stateFile, 'not what it was');
  const problems = await takeBack();
  return { refused: refused.map((each) => each.replaceAll(/\d+/g, 'N')), untouched, problems, after: await look() };
}
