import { must } from './command.ts';
import { into } from './network-namespaces.ts';
import type { HostSpec } from './protocol.ts';

const BRIDGE = 'lab0';
/** Addresses answer at once, as the lab knows that nobody else has them. */
const WITHOUT_DAD = {
  'net.ipv6.conf.all.accept_dad': '0',
  'net.ipv6.conf.default.accept_dad': '0',
  'net.ipv6.conf.eth0.accept_dad': '0',
};
/** Second byte of hardware addresses: of machines, and of what they are plugged into. */
const CARD = '00';
const PLUG = '01';

/** Makes the bridge in this namespace, with `address` (with prefix length) for the lab's own use. */
export async function makeBridge(address: string): Promise<void> {
  await batch(
    [],
    [
      'link set lo up',
      // Left to itself, a bridge takes the hardware address of one of its ports, and another one when that goes.
      `link add ${BRIDGE} address ${cardOf(address)} type bridge forward_delay 0 mcast_snooping 0`,
      `link set ${BRIDGE} up`,
      `address add ${address} dev ${BRIDGE}`,
    ],
  );
}

/** Gives a new host its link `eth0`, with the other end on the bridge, or in the namespaces of the host it is behind. */
export async function connectHost(spec: HostSpec, keeper: number, behind: number | undefined): Promise<void> {
  const far = behind === undefined ? [] : into(behind);
  const link = linkOf(spec.name);
  const card = cardOf(spec.address);
  const plug = cardOf(spec.address, PLUG);
  await batch(far, [`link add ${link} address ${plug} type veth peer name eth0 address ${card} netns ${keeper}`]);
  await must([
    ...into(keeper),
    'sh',
    '-c',
    sysctlScript({ ...(spec.address6 === undefined ? {} : WITHOUT_DAD), ...spec.sysctls }),
  ]);
  const both = [spec.address, ...(spec.address6 === undefined ? [] : [spec.address6])];
  if (behind === undefined) await batch(far, [`link set ${link} master ${BRIDGE} up`]);
  else await batch(far, [`link set ${link} up`, ...both.map((address) => `route add ${bare(address)} dev ${link}`)]);
  // 169.254.1.1 stands for "the other end", which needs no address of its own.
  const own =
    behind === undefined
      ? both.map((address) => `address add ${address} dev eth0${isIpv6(address) ? ' nodad' : ''}`)
      : both.flatMap((address) => (isIpv6(address) ? behind6(address, plug) : behind4(address, plug)));
  const routes = (spec.routes ?? []).map((route) => `route add ${route}`);
  await batch(into(keeper), ['link set eth0 up', ...own, ...routes]);
}

function behind4(address: string, plug: string): readonly string[] {
  return [
    `address add ${bare(address)}/32 dev eth0`,
    `neighbour add 169.254.1.1 lladdr ${plug} dev eth0 nud permanent`,
    'route add 169.254.1.1 dev eth0',
    'route add default via 169.254.1.1',
  ];
}

function behind6(address: string, plug: string): readonly string[] {
  return [
    `address add ${bare(address)}/128 dev eth0 nodad`,
    `neighbour add fe80::1 lladdr ${plug} dev eth0 nud permanent`,
    'route add ::/0 via fe80::1 dev eth0',
  ];
}

function isIpv6(address: string): boolean {
  return address.includes(':');
}

/** Gives a host that boots a system its `eth0`, with the other end on the bridge: the rest is the system's own work. */
export async function plugIn({ name, address }: HostSpec, keeper: number): Promise<void> {
  const link = linkOf(name);
  const near = `type veth peer name eth0 address ${cardOf(address)} netns ${keeper}`;
  await batch(
    [],
    [`link add ${link} address ${cardOf(address, PLUG)} ${near}`, `link set ${link} master ${BRIDGE} up`],
  );
}

/** The far end of a host's link, where its cable is plugged in. */
export function linkOf(host: string): string {
  // Interface names have 15 characters. A long name keeps its end, where names differ, and a number against collisions.
  if (host.length <= 13) return `v-${host}`;
  let sum = 0;
  for (const character of host) sum = (sum * 31 + character.charCodeAt(0)) % 36 ** 4;
  return `v${sum.toString(36).padStart(4, '0')}-${host.slice(-8)}`;
}

function batch(where: readonly string[], lines: readonly string[]): Promise<string> {
  return must([...where, 'ip', '-batch', '-'], { stdin: lines.join('\n') });
}

function sysctlScript(sysctls: Readonly<Record<string, string>>): string {
  return Object.entries(sysctls)
    .map(([name, value]) => `echo '${value}' >/proc/sys/${name.replaceAll('.', '/')} || exit 1`)
    .concat('true')
    .join('\n');
}

/** A machine that boots again has the network card it had: others remember its hardware address. */
function cardOf(address: string, kind = CARD): string {
  const bytes = bare(address)
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', kind, ...bytes].join(':');
}

function bare(address: string): string {
  return address.split('/')[0]!;
}
