import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { address } from '@fairlead/model';
import { programPath } from '../processes/namespace.fixture.ts';
import { runOrThrow } from '../processes/run.ts';
import { openForwarding, removeForwarding } from './kernel.ts';
import { sealOf } from './render.ts';
import type { Forward, Forwarding, ForwardingObserved } from './types.ts';

const PATHS = { procSys: '/proc/sys', note: '/run/lbagent/ip-forward' };
const node = (name: string, host: string) => ({ name, address: address(host), port: 30_053 });
const DNS: Forward = {
  vip: address('10.9.100.1'),
  port: 53,
  loadBalancerId: 'a',
  backends: [node('node-1', '10.9.2.1'), node('node-2', '10.9.2.2')],
  draining: [],
};
const V6: Forward = { ...DNS, vip: address('fd00::1'), backends: [node('node-1', 'fd02::1')] };

const open = (): Forwarding => openForwarding({ nft: programPath('nft'), ...PATHS });
const nft = (...args: string[]): Promise<string> => runOrThrow([programPath('nft'), ...args]);
const setting = (path: string): string => readFileSync(`/proc/sys/net/${path}`, 'utf8').trim();
const routing = (): readonly string[] => [setting('ipv4/ip_forward'), setting('ipv6/conf/all/forwarding')];

/** Names of those that are as they were put, by what was observed. */
function whole({ base, forwards }: ForwardingObserved): readonly string[] {
  const known = new Map([DNS, V6].map((each) => [`${each.vip} ${each.port}`, sealOf(each)]));
  return [base, ...forwards.map(({ vip, port, seal }) => `${vip} ${port} ${seal === known.get(`${vip} ${port}`)}`)];
}

/** Everything the real nft and the kernel's settings are asked for, and what came of it. */
export async function lifeOfTheTable(): Promise<unknown> {
  for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${path}`, '0');
  await runOrThrow([programPath('ip'), 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']);
  const seen: Record<string, unknown> = {};
  const forwarding = open();
  seen['before'] = [...whole(await forwarding.observe()), ...routing()];
  await forwarding.apply({ put: [DNS], remove: [] });
  seen['put'] = [...whole(await forwarding.observe()), ...routing()];
  await forwarding.apply({ put: [V6], remove: [] });
  await forwarding.apply({ put: [V6], remove: [] });
  seen['both'] = [...whole(await forwarding.observe()), ...routing(), setting('ipv6/conf/v0/accept_ra')];
  const sticky = { ...DNS, byClient: true as const };
  await forwarding.apply({ put: [sticky], remove: [] });
  seen['byClient'] = (await forwarding.observe()).forwards.some(({ seal }) => seal === sealOf(sticky));
  const backends = Array.from({ length: 60 }, (_, index) => node(`pod-${index}`, `10.200.0.${index + 1}`));
  const wide = { ...DNS, backends };
  await forwarding.apply({ put: [wide], remove: [] });
  seen['wide'] = (await forwarding.observe()).forwards.some(({ seal }) => seal === sealOf(wide));
  await forwarding.apply({ put: [DNS], remove: [] });
  seen['narrow'] = (await nft('-t', 'list', 'table', 'inet', 'fairlead_udp')).includes('_many');
  seen['byAnother'] = whole(await open().observe());

  const spoils: Record<string, readonly string[]> = {
    elementGone: ['delete', 'element', 'inet', 'fairlead_udp', 'chains4', '{ 10.9.100.1 . 53 }'],
    chainFlushed: ['flush', 'chain', 'inet', 'fairlead_udp', 'udp_10.9.100.1_53'],
    ruleAdded: ['add', 'rule', 'inet', 'fairlead_udp', 'udp_10.9.100.1_53', 'accept'],
    foreignRule: ['insert', 'rule', 'inet', 'fairlead_udp', 'incoming', 'accept'],
    tableFlushed: ['flush', 'table', 'inet', 'fairlead_udp'],
  };
  for (const [what, spoil] of Object.entries(spoils)) {
    await nft(...spoil);
    seen[what] = whole(await forwarding.observe());
    await forwarding.repair();
    await forwarding.apply({ put: [DNS, V6], remove: [] });
    const after = whole(await forwarding.observe());
    if (after.join() !== 'intact,10.9.100.1 53 true,fd00::1 53 true') seen[`after ${what}`] = after;
  }
  const fixed = ['add', 'element', 'inet', 'fairlead_udp', 'udp_10.9.100.1_53', '{ 1 : 10.0.0.1 . 1 }'];
  seen['bucketsCannotBeChanged'] = await nft(...fixed).catch((error: Error) => error.message.includes('busy'));
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
  seen['routerNoMore'] = (await forwarding.observe()).base;
  await forwarding.repair();

  await forwarding.apply({ put: [], remove: [V6] });
  seen['one'] = [
    ...whole(await forwarding.observe()),
    await nft('list', 'set', 'inet', 'fairlead_udp', 'vips6').then((text) => text.includes('fd00')),
  ];
  await forwarding.retire();
  seen['retired'] = [
    ...whole(await forwarding.observe()),
    ...routing(),
    setting('ipv6/conf/v0/accept_ra'),
    existsSync(PATHS.note),
  ];
  await forwarding.close();
  return seen;
}

/** A machine that forwards for others goes on doing that, while UDP is served and afterwards. */
export async function routerBefore(): Promise<unknown> {
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  const forwarding = open();
  await forwarding.observe();
  await forwarding.apply({ put: [DNS], remove: [] });
  const guards = (await nft('list', 'chain', 'inet', 'fairlead_udp', 'through')).includes('drop');
  await forwarding.close();
  await removeForwarding(programPath('nft'), PATHS);
  await removeForwarding(programPath('nft'), PATHS);
  return { guards, router: setting('ipv4/ip_forward'), tables: (await nft('list', 'tables')).trim() };
}
