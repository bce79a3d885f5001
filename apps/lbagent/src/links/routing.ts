import { readFile, writeFile } from 'node:fs/promises';
import { run } from '../processes/run.ts';
import { checkedDevice } from './plan.ts';
import type { MeetingPlace, Repair, RoutingSettings } from './types.ts';

/** Numbers that other programs leave alone: tables below 253 are handed out by people, 254 and 255 are the kernel's. */
export const DEFAULT_TABLE = 46130;
export const DEFAULT_RULE_PRIORITY = 4613;

/**
 * PURE. Kernel settings by path below /proc/sys.
 * `rp_filter` is the larger of "all" and the link's, so both must be 0: caught packets come by a route that does not lead back.
 * `arp_ignore`, `arp_announce`: answer for an address only on its own link, and ask only in the link's own name.
 * `arp_notify`, `ndisc_notify`: announce the link's addresses when its hardware address is set.
 * `accept_dad`: VIPs answer at once. Whether somebody else has one is not asked: that is decided elsewhere.
 */
export function wantedSysctls(
  devices: readonly string[],
  { ipv6 }: Pick<RoutingSettings, 'ipv6'> = {},
): ReadonlyMap<string, string> {
  const wanted = new Map([['net/ipv4/conf/all/rp_filter', '0']]);
  for (const device of devices) {
    // In a path a dot separates nothing, so VLAN links such as eth0.10 need no care.
    const conf = `net/ipv4/conf/${checkedDevice(device)}`;
    wanted.set(`${conf}/rp_filter`, '0');
    wanted.set(`${conf}/arp_ignore`, '1');
    wanted.set(`${conf}/arp_announce`, '2');
    wanted.set(`${conf}/arp_notify`, '1');
    if (ipv6 === false) continue;
    wanted.set(`net/ipv6/conf/${device}/ndisc_notify`, '1');
    wanted.set(`net/ipv6/conf/${device}/accept_dad`, '0');
  }
  return wanted;
}

export interface ListedRule {
  readonly priority?: number;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly table?: string;
}

/** PURE. Whether the answer to `ip -j rule show` holds the rule that leads caught packets to our table. */
export function hasRule(rules: readonly ListedRule[], settings: RoutingSettings): boolean {
  const { mark, table, rulePriority } = settings;
  return rules.some(
    (rule) =>
      rule.priority === rulePriority &&
      Number(rule.fwmark) === mark.value &&
      Number(rule.fwmask ?? 0xffffffff) === mark.mask &&
      rule.table === String(table),
  );
}

export interface ListedRoute {
  readonly type?: string;
  readonly dst?: string;
  readonly dev?: string;
}

/** PURE. Whether the answer to `ip -j route show table N` delivers everything to this host. */
export function hasLocalRoute(routes: readonly ListedRoute[]): boolean {
  return routes.some(
    ({ type, dst, dev }) => type === 'local' && dev === 'lo' && dst !== undefined && EVERYTHING.includes(dst),
  );
}

const EVERYTHING: readonly string[] = ['default', '0.0.0.0/0', '::/0'];

export interface RoutingTools {
  readonly ip: string;
  readonly procSys: string;
}

/** Looks, repairs what differs and says what it was. A setting that the kernel refuses is thrown, after the rest was done. */
export async function ensureRouting(tools: RoutingTools, settings: RoutingSettings): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  const problems: string[] = [];
  const { mark, table, rulePriority } = settings;
  const fwmark = `0x${mark.value.toString(16)}/0x${mark.mask.toString(16)}`;

  const ip = async (repair: Repair, ...args: string[]): Promise<void> => {
    const done = await run([tools.ip, ...args]);
    if (done.code === 0) repairs.push(repair);
    else problems.push(`ip ${args.join(' ')}: ${done.stderr.trim()}`);
  };

  for (const { flag, all, name } of familiesOf(settings)) {
    const { routes, rules } = await listRouting(tools.ip, flag, table);
    if (!hasLocalRoute(routes)) {
      const route = ['route', 'replace', 'local', all, 'dev', 'lo', 'table', String(table)];
      await ip(`${name}route of table ${table} was missing`, flag, ...route);
    }
    if (!hasRule(rules, settings)) {
      const rule = ['rule', 'add', 'priority', String(rulePriority), 'fwmark', fwmark, 'lookup', String(table)];
      await ip(`${name}rule for mark ${fwmark} was missing`, flag, ...rule);
    }
  }
  for (const [path, value] of wantedSysctls(settings.devices, settings)) {
    const before = await setSysctl(`${tools.procSys}/${path}`, value).catch((error: unknown) => {
      // A link that is too narrow for IPv6 (an MTU below 1280) has no such settings, and serves IPv4 as ever.
      if (path.startsWith('net/ipv6/') && (error as NodeJS.ErrnoException).code === 'ENOENT') return value;
      problems.push(`${path} cannot be set to ${value}: ${String(error)}`);
      return value;
    });
    if (before !== value) repairs.push(`${path} was ${before}, is ${value}`);
  }
  const { meeting } = settings;
  if (meeting && settings.ipv6 !== false) {
    const { device, address } = meeting;
    const known = await listLink(tools.ip, device);
    const isThere = known.some(({ addr_info }) => addr_info?.some(({ local }) => local === address) === true);
    // It is nobody's to be spoken from, so it is deprecated. A link without IPv6 has nobody to meet.
    const added = isThere || known.length === 0 ? undefined : await run([tools.ip, ...meetingLine('replace', meeting)]);
    if (added?.code === 0) repairs.push(`${address} was missing on ${device}`);
  }
  if (problems.length > 0) throw new Error(`routing is not complete: ${problems.join('; ')}`);
  return repairs;
}

interface ListedLink {
  readonly addr_info?: readonly { readonly local?: string }[];
}

/** None: there is no such link, or it has no IPv6. */
async function listLink(ip: string, device: string): Promise<readonly ListedLink[]> {
  const listed = await run([ip, '-j', '-6', 'address', 'show', 'dev', checkedDevice(device)]);
  return listed.code === 0 && listed.stdout.trim() !== '' ? (JSON.parse(listed.stdout) as ListedLink[]) : [];
}

function meetingLine(verb: 'replace' | 'del', { device, address }: MeetingPlace): readonly string[] {
  const place = ['-6', 'address', verb, `${address}/64`, 'dev', checkedDevice(device)];
  return verb === 'del' ? place : [...place, 'nodad', 'preferred_lft', '0'];
}

/** By one process for both: it is looked at every few seconds. */
async function listRouting(
  ip: string,
  flag: string,
  table: number,
): Promise<{ readonly routes: readonly ListedRoute[]; readonly rules: readonly ListedRule[] }> {
  const input = `route show table ${table}\nrule show\n`;
  const listed = await run([ip, '-force', flag, '-j', '-batch', '-'], { input });
  // A line for each; of a table that never had a route it is an empty list or nothing.
  const lines = listed.stdout.split('\n').filter((line) => line.startsWith('['));
  const all = lines.flatMap((line) => JSON.parse(line) as readonly (ListedRoute & ListedRule)[]);
  return {
    routes: all.filter(({ type }) => type !== undefined),
    rules: all.filter(({ priority }) => priority !== undefined),
  };
}

function familiesOf({ ipv6 }: RoutingSettings) {
  const ipv4 = { flag: '-4', all: '0.0.0.0/0', name: '' };
  return ipv6 === false ? [ipv4] : [ipv4, { flag: '-6', all: '::/0', name: 'IPv6 ' }];
}

/**
 * Takes rule and route away, and gives the links the settings that a new link has. That they are not there is success;
 * what could not be done is thrown, after the rest was.
 */
export async function removeRouting(tools: RoutingTools, settings: RoutingSettings): Promise<void> {
  const problems: string[] = [];
  const { table, rulePriority } = settings;
  const gone = /No such file|does not exist/;
  const commands = familiesOf(settings).flatMap(({ flag }) => [
    [flag, 'rule', 'del', 'priority', `${rulePriority}`, 'lookup', `${table}`],
    [flag, 'route', 'flush', 'table', `${table}`],
  ]);
  for (const args of commands) {
    const done = await run([tools.ip, ...args]);
    if (done.code !== 0 && !gone.test(done.stderr)) problems.push(`ip ${args.join(' ')}: ${done.stderr.trim()}`);
  }
  if (settings.meeting && settings.ipv6 !== false) await run([tools.ip, ...meetingLine('del', settings.meeting)]);
  for (const path of wantedSysctls(settings.devices, settings).keys()) {
    const usual = path.replace(/^(net\/ipv[46]\/conf)\/.*\/([^/]+)$/, '$1/default/$2');
    try {
      await setSysctl(`${tools.procSys}/${path}`, (await readFile(`${tools.procSys}/${usual}`, 'utf8')).trim());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') problems.push(`${path}: ${String(error)}`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
}

/** Returns what it was before. */
async function setSysctl(path: string, value: string): Promise<string> {
  const before = (await readFile(path, 'utf8')).trim();
  if (before !== value) await writeFile(path, value);
  return before;
}
