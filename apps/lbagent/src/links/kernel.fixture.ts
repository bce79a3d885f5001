import { setTimeout as sleep } from 'node:timers/promises';
import { mkdir, writeFile } from 'node:fs/promises';
import { address } from '@fairlead/model';
import { writeBatches } from '../keepalived/files.ts';
import { renderNotifyScript } from '../keepalived/scripts.ts';
import { DEFAULT_MARK } from '../nftables/ruleset.ts';
import { programPath } from '../processes/namespace.fixture.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { openLinks } from './kernel.ts';
import { diffAddresses } from './plan.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE } from './routing.ts';
import type { LinkAddress } from './types.ts';

const ip = (...args: string[]): Promise<string> => runOrThrow(['ip', ...args]);
const on = (text: string, device = 'eth0'): LinkAddress => ({ device, address: address(text) });
const monitorPrefix = ['setpriv', '--pdeathsig', 'KILL'];
const open = (): ReturnType<typeof openLinks> => openLinks({ ip: programPath('ip'), monitorPrefix });

async function makeLink(): Promise<void> {
  await ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far');
  await ip('addr', 'add', '10.0.0.11/24', 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  await ip('link', 'set', 'far', 'up');
}

export async function lifeOfAddresses(): Promise<unknown> {
  await makeLink();
  const links = open();
  const vips = async (): Promise<readonly string[]> => {
    const { addresses } = await links.observe();
    return addresses.filter(({ ours }) => ours).map((each) => `${each.address}/${each.prefixLength}`);
  };
  const seen: Record<string, unknown> = {};
  const desired = [on('10.0.0.1'), on('10.0.0.2'), on('fd00::1')];
  seen['failures'] = await links.apply(diffAddresses(desired, await links.observe()));
  seen['again'] = await links.apply({ add: desired, remove: [] });
  seen['added'] = await vips();
  seen['nothingToDo'] = diffAddresses(desired, await links.observe());
  await ip('addr', 'del', '10.0.0.1/32', 'dev', 'eth0');
  seen['drift'] = diffAddresses(desired, await links.observe());
  seen['oneBad'] = await links.apply({
    add: [on('10.0.0.3'), on('10.0.0.4', 'nope'), on('10.0.0.5')],
    remove: [on('10.0.0.99'), on('10.0.0.2'), on('10.0.0.98', 'nope')],
  });
  seen['rest'] = await vips();
  seen['announced'] = await links.announce(['eth0', 'lo', 'nope']);
  const tools = (await run(['pgrep', '-P', String(process.pid), '-x', 'ip'])).stdout.trim().split('\n').map(Number);
  for (const tool of tools) process.kill(tool, 'SIGKILL');
  await sleep(50);
  seen['afterKill'] = await links.apply({ add: [on('10.0.0.6')], remove: [on('10.0.0.3'), on('10.0.0.5')] });
  seen['last'] = await vips();
  await links.close();
  return seen;
}

/** Time until the monitor tells of a change made by somebody else, in ms. */
export async function watched(): Promise<unknown> {
  await makeLink();
  const links = open();
  let tell: () => void = () => undefined;
  const toldOnce = (): Promise<void> =>
    new Promise((resolve) => {
      tell = resolve;
    });
  const atStart = toldOnce();
  const stop = links.watch(() => tell());
  await atStart;
  await sleep(300);
  const told = toldOnce();
  const started = performance.now();
  await ip('addr', 'add', '10.0.0.7/32', 'dev', 'eth0');
  await told;
  const ms = performance.now() - started;
  stop();
  await sleep(50);
  const states = (await run(['ps', '-C', 'ip', '-o', 'stat='])).stdout.split('\n');
  await links.close();
  return { ms, left: states.filter((state) => state !== '' && !state.startsWith('Z')).length };
}

export async function thousand(): Promise<unknown> {
  await makeLink();
  const links = open();
  const many = Array.from({ length: 1000 }, (_, index) => on(`10.1.${index >> 8}.${index & 255}`));
  const times: number[] = [];
  const timed = async (work: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  };
  await links.apply({ add: [on('10.0.0.1')], remove: [] });
  await timed(() => links.apply({ add: many, remove: [] }));
  await timed(() => links.announce(['eth0']));
  await timed(() => links.observe());
  await timed(() => links.apply({ add: [on('10.0.0.2')], remove: [] }));
  const { addresses } = await links.observe();
  await timed(() => links.apply({ add: [], remove: many }));
  const left = (await links.observe()).addresses.filter(({ ours }) => ours).length;
  await links.close();
  const [addMs, announceMs, observeMs, addOneMs, removeMs] = times;
  return { there: addresses.filter(({ ours }) => ours).length, left, addMs, announceMs, observeMs, addOneMs, removeMs };
}

/**
 * A neighbour asks for an address before it is there: how long until it knows it nevertheless, in ms. It is told of
 * once more when the shell that does it was killed.
 */
export async function announcedOne(): Promise<unknown> {
  await runOrThrow(['mkdir', '-p', '/run/netns']);
  await ip('netns', 'add', 'peer');
  await makeLink();
  await ip('link', 'set', 'far', 'netns', 'peer');
  await ip('-n', 'peer', 'addr', 'add', '10.0.0.12/24', 'dev', 'far');
  await ip('-n', 'peer', 'link', 'set', 'far', 'up');
  const links = openLinks({ ip: programPath('ip'), monitorPrefix, arping: programPath('arping') });
  const learn = async (vip: string): Promise<number> => {
    await ip('-n', 'peer', 'neigh', 'add', vip, 'lladdr', '02:00:00:00:00:99', 'dev', 'far', 'nud', 'stale');
    const startedAt = performance.now();
    await links.apply({ add: [on(vip)], remove: [] });
    while ((await ip('-n', 'peer', 'neigh', 'show', vip)).includes('02:00:00:00:00:99')) {
      if (performance.now() - startedAt > 5_000) return Infinity;
      await sleep(5);
    }
    return performance.now() - startedAt;
  };
  // So many that they are not all told of for one.
  await links.apply({ add: Array.from({ length: 200 }, (_, index) => on(`10.0.1.${index}`)), remove: [] });
  await links.observe();
  // What is added at about the same time is told of together, by the way that needs settings of the link.
  await sleep(50);
  const first = await learn('10.0.0.50');
  const { stdout } = await run(['pgrep', '-P', String(process.pid), '-x', 'sh']);
  const shells = stdout.split('\n').filter(Boolean).map(Number);
  for (const shell of shells) process.kill(shell, 'SIGKILL');
  await sleep(50);
  const again = [await learn('10.0.0.51'), await learn('10.0.0.52')];
  await links.close();
  return { known: [first, ...again].every(Number.isFinite), shells: shells.length };
}

/** A neighbour over IPv6 that knows another place for the address; true once it knows the right one. */
async function makeNeighbour(): Promise<(vip: string, announce: () => Promise<unknown>) => Promise<boolean>> {
  await runOrThrow(['mkdir', '-p', '/run/netns']);
  await ip('netns', 'add', 'peer');
  await makeLink();
  await ip('link', 'set', 'far', 'netns', 'peer');
  await ip('addr', 'add', 'fd00::11/64', 'dev', 'eth0', 'nodad');
  await ip('-n', 'peer', 'addr', 'add', 'fd00::12/64', 'dev', 'far', 'nodad');
  await ip('-n', 'peer', 'link', 'set', 'far', 'up');
  return async (vip, announce) => {
    await ip('-n', 'peer', 'neigh', 'replace', vip, 'lladdr', '02:00:00:00:00:99', 'dev', 'far', 'nud', 'stale');
    const startedAt = performance.now();
    await announce();
    while ((await ip('-n', 'peer', 'neigh', 'show', vip)).includes('02:00:00:00:00:99')) {
      if (performance.now() - startedAt > 5_000) return false;
      await sleep(5);
    }
    return true;
  };
}

/** Whether neighbours hear of IPv6 addresses: of a new one, and, by the notify script, of one on a link that refuses the usual way. */
export async function announcedIpv6(): Promise<unknown> {
  const learns = await makeNeighbour();
  const links = open();
  const settings = { mark: DEFAULT_MARK, table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY, devices: ['eth0'] };
  await links.ensureRouting(settings);
  const isNewKnown = await learns('fd00::50', () => links.apply({ add: [on('fd00::50')], remove: [] }));
  const source = await ip('-6', 'route', 'get', 'fd00::51');
  await links.close();

  const paths = { config: '/run/keepalived.conf', directory: '/run/vrrp', runDirectory: '/run/vrrp' };
  const programs = { ip: programPath('ip'), flock: programPath('flock') };
  await mkdir(paths.directory);
  const vips = [address('fd00::50'), address('fd00::52')];
  const instance = { instance: 'edge', device: 'eth0', anchor: address('fd00::11'), vips };
  await writeBatches(paths, [instance]);
  await writeFile(`${paths.directory}/edge.announce`, 'link set dev refuses address 02:00:00:00:00:01\n');
  await writeFile(`${paths.directory}/notify.sh`, renderNotifyScript(paths, programs), { mode: 0o755 });
  const notify: readonly [string, ...string[]] = [
    `${paths.directory}/notify.sh`,
    'eth0',
    'fd00::11',
    'INSTANCE',
    'edge',
    'MASTER',
  ];
  const known = [];
  for (const vip of vips) known.push(await learns(vip, () => runOrThrow(notify)));
  return { isNewKnown, source: / src (\S+)/.exec(source)?.[1], known };
}

/**
 * A neighbour asks once for an IPv6 address, before it is there, and not again: whether it learns of it nevertheless,
 * though nothing but the kernel announces it.
 */
export async function askedTooEarly(): Promise<unknown> {
  await makeNeighbour();
  const links = open();
  const settings = { mark: DEFAULT_MARK, table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY, devices: ['eth0'] };
  await links.ensureRouting(settings);
  const patience = 'net.ipv6.neigh.far.retrans_time_ms=60000';
  await runOrThrow(['nsenter', '--net=/run/netns/peer', 'sysctl', '-qw', patience]);
  await ip('-n', 'peer', 'neigh', 'add', 'fd00::60', 'dev', 'far', 'use');
  await sleep(100);
  const neighbour = (): Promise<string> => ip('-n', 'peer', 'neigh', 'show', 'fd00::60');
  const before = await neighbour();
  await links.apply({ add: [{ ...on('fd00::60'), announce: false }], remove: [] });
  const deadline = performance.now() + 5_000;
  while (!(await neighbour()).includes('lladdr') && performance.now() < deadline) await sleep(5);
  const after = await neighbour();
  await links.close();
  return { before: before.includes('INCOMPLETE'), after: after.includes('lladdr') };
}

export async function routing(): Promise<unknown> {
  await makeLink();
  const links = open();
  const settings = { mark: DEFAULT_MARK, table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY, devices: ['eth0'] };
  await runOrThrow(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.eth0.arp_ignore=0']);
  const first = await links.ensureRouting(settings);
  const second = await links.ensureRouting(settings);
  await ip('rule', 'del', 'priority', String(DEFAULT_RULE_PRIORITY));
  await ip('-6', 'rule', 'del', 'priority', String(DEFAULT_RULE_PRIORITY));
  await ip('route', 'flush', 'table', String(DEFAULT_TABLE));
  await runOrThrow(['sysctl', '-qw', 'net.ipv4.conf.eth0.arp_announce=0']);
  const third = await links.ensureRouting(settings);
  const missing = await links.ensureRouting({ ...settings, devices: ['nope'] }).catch((error: Error) => error.message);
  await ip('link', 'set', 'eth0', 'mtu', '1200');
  const narrow = await links.ensureRouting(settings);
  const route = await ip('route', 'get', '192.0.2.1', 'mark', String(DEFAULT_MARK.value + 5));
  const route6 = await ip('-6', 'route', 'get', '2001:db8::1', 'mark', String(DEFAULT_MARK.value + 5));
  await links.close();
  return {
    first: first.length,
    second,
    third,
    missing,
    narrow,
    route: route.split('\n')[0],
    route6: route6.split('\n')[0],
  };
}
