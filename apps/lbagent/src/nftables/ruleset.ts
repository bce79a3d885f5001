import { familyOf } from '@fairlead/model';
import type { Address } from '@fairlead/model';
import { secondChance } from './second-chance.ts';
import type { Mark, RulesetSettings } from './types.ts';

export const TABLE = 'fairlead';
export const SETS = { ipv4: 'tcp4', ipv6: 'tcp6' } as const;
/** Ports that are not open to everyone, and who may reach them. */
export const LIMITED = { ipv4: 'lim4', ipv6: 'lim6' } as const;
export const ALLOWED = { ipv4: 'ok4', ipv6: 'ok6' } as const;

/** Sets that lbagent fills, with the types of what is in them. */
export const OWN_SETS: Readonly<Record<string, readonly string[]>> = {
  [SETS.ipv4]: ['ipv4_addr', 'inet_service'],
  [SETS.ipv6]: ['ipv6_addr', 'inet_service'],
  [LIMITED.ipv4]: ['ipv4_addr', 'inet_proto', 'inet_service'],
  [LIMITED.ipv6]: ['ipv6_addr', 'inet_proto', 'inet_service'],
  [ALLOWED.ipv4]: ['ipv4_addr', 'inet_proto', 'inet_service', 'ipv4_addr'],
  [ALLOWED.ipv6]: ['ipv6_addr', 'inet_proto', 'inet_service', 'ipv6_addr'],
};
const INTERVALS: readonly string[] = [ALLOWED.ipv4, ALLOWED.ipv6];

/** Bits that neither kube-proxy (0xc000), Calico (0xffff0000 by default, on nodes) nor Tailscale (0xff0000: 0x40000, 0x80000) uses. */
export const DEFAULT_MARK: Mark = { value: 0x00f1_0000, mask: 0x00ff_0000 };

/** `dup` is at home in tables of one protocol only, so tables of the same name stand beside the one for both. */
export type TableFamily = 'inet' | 'ip' | 'ip6';

/** Those that a kernel with or without IPv6 is to have. */
export function tableFamilies({ ipv6 }: Pick<RulesetSettings, 'ipv6'>): readonly TableFamily[] {
  return ipv6 === false ? ['inet', 'ip'] : ['inet', 'ip', 'ip6'];
}

export interface BaseChain {
  readonly family: TableFamily;
  readonly name: string;
  /** Without it other chains jump there. */
  readonly hook?: 'prerouting';
  readonly priority?: 'raw' | 'raw + 1' | 'mangle' | 'mangle + 1';
  readonly rules: readonly string[];
}

/** A set that rules fill, and whose elements end by themselves. */
export interface BaseSet {
  readonly family: TableFamily;
  readonly name: string;
  /** What its elements are, as an expression. */
  readonly type: string;
  readonly seconds: number;
}

/**
 * PURE. Chains and rules of the base. What most packets meet comes first: those of connections that HAProxy has already.
 * `vrrp`, `adverts`: adverts, and what HAProxy is told of clients, only from the set's members, and only from this very link
 * (RFC 5798: TTL 255 cannot be forged from afar).
 * `sources`: every packet, not only the first, so that a client who is shut out is shut out at once; before connection
 * tracking and before anything is caught or forwarded.
 * `catch`, `caught4`, `caught6`: `tproxy` to listeners on loopback, which are closed to everybody who is not caught.
 * The others: see `secondChance`.
 */
export function baseChains(settings: RulesetSettings): readonly BaseChain[] {
  const chance = secondChance(settings);
  const { ipv4, ipv6 } = chance.tryOthers;
  const toIpv4 = `tproxy ip to 127.0.0.1:${settings.ipv4Port}`;
  const toIpv6 = `tproxy ip6 to [::1]:${settings.ipv6Port}`;
  return [
    {
      family: 'inet',
      name: 'vrrp',
      hook: 'prerouting',
      priority: 'raw',
      rules: ['meta l4proto 112 jump adverts', ...memoryRules(settings)],
    },
    {
      family: 'inet',
      name: 'adverts',
      rules: [
        ...strangers('ip', peersOf(settings, 'ipv4')),
        'meta nfproto ipv4 ip ttl != 255 counter drop',
        ...strangers('ip6', peersOf(settings, 'ipv6')),
        'meta nfproto ipv6 ip6 hoplimit != 255 counter drop',
        ...chance.noteDeparture,
      ],
    },
    {
      family: 'inet',
      name: 'sources',
      hook: 'prerouting',
      priority: 'raw',
      rules: [shutOut('ip', 'ipv4'), shutOut('ip6', 'ipv6')],
    },
    {
      family: 'inet',
      name: 'catch',
      hook: 'prerouting',
      priority: 'mangle',
      rules: [
        `ip daddr . tcp dport @${SETS.ipv4} goto caught4`,
        ...(settings.ipv6 === false ? [] : [`ip6 daddr . tcp dport @${SETS.ipv6} goto caught6`]),
      ],
    },
    { family: 'inet', name: 'caught4', rules: caughtRules(settings, ipv4, toIpv4) },
    { family: 'inet', name: 'caught6', rules: settings.ipv6 === false ? [] : caughtRules(settings, ipv6, toIpv6) },
    ...chance.chains,
  ];
}

/**
 * A packet of a connection that is there needs no `tproxy`: the kernel finds its socket by itself, and with it the route of
 * the packet before, unless `tproxy` was here first and it must be looked for (ADR 0017). Not so the answer to a SYN cookie, which has no
 * socket yet.
 */
function caughtRules(settings: RulesetSettings, others: readonly string[], tproxy: string): readonly string[] {
  const { value, mask } = settings.mark;
  const keep = `0x${(~mask >>> 0).toString(16).padStart(8, '0')}`;
  const mark = `meta mark set meta mark and ${keep} or 0x${value.toString(16).padStart(8, '0')}`;
  const connected = `tcp flags & (syn | ack) != syn socket transparent 1 ${mark} accept`;
  return [
    ...(settings.secondChance === false ? [] : [connected]),
    ...others,
    `meta l4proto tcp ${tproxy} ${mark} accept`,
  ];
}

/** PURE. Marks each rule with what it belongs to and its place, so that a changed, lost or moved rule is noticed. */
export function ruleComment(settings: RulesetSettings, index: number): string {
  return `${TABLE} ${fingerprint(JSON.stringify(baseChains(settings)))} ${index}`;
}

/** PURE. Input of `nft -f`: makes or repairs the base in one transaction and leaves the sets' elements as they are. */
export function renderRuleset(settings: RulesetSettings): string {
  const chains = baseChains(settings);
  const lines = [
    ...tableFamilies(settings).map((family) => `add table ${family} ${TABLE}`),
    ...Object.entries(OWN_SETS).map(([name, types]) => {
      const flags = INTERVALS.includes(name) ? ' flags interval;' : '';
      return `add set inet ${TABLE} ${name} { type ${types.join(' . ')};${flags} }`;
    }),
  ];
  for (const { family, name, type, seconds } of baseSets(settings)) {
    lines.push(`add set ${family} ${TABLE} ${name} { typeof ${type}; flags dynamic,timeout; timeout ${seconds}s; }`);
  }
  for (const { family, name, hook, priority } of chains) {
    const at = hook === undefined ? '' : ` { type filter hook ${hook} priority ${priority}; policy accept; }`;
    lines.push(`add chain ${family} ${TABLE} ${name}${at}`, `flush chain ${family} ${TABLE} ${name}`);
  }
  for (const { family, name, rules } of chains) {
    rules.forEach((rule, index) => {
      lines.push(`add rule ${family} ${TABLE} ${name} ${rule} comment "${ruleComment(settings, index)}"`);
    });
  }
  return `${lines.join('\n')}\n`;
}

/** PURE. Sets of the base that the kernel fills by itself. */
export function baseSets(settings: RulesetSettings): readonly BaseSet[] {
  return secondChance(settings).sets;
}

function shutOut(header: 'ip' | 'ip6', family: 'ipv4' | 'ipv6'): string {
  const port = `${header} daddr . meta l4proto . th dport`;
  return `${port} @${LIMITED[family]} ${port} . ${header} saddr != @${ALLOWED[family]} counter drop`;
}

/** HAProxy asks nobody who connects for a proof, so only members get that far. A worker hands over to the next one by `lo`. */
function memoryRules(settings: RulesetSettings): readonly string[] {
  if (!settings.memory) return [];
  const { address, port } = settings.memory;
  const family = familyOf(address);
  const header = family === 'ipv4' ? 'ip' : 'ip6';
  const peers = peersOf(settings, family);
  const strange = peers.length === 0 ? '' : ` ${header} saddr != { ${peers.join(', ')} }`;
  return [`${header} daddr ${address} tcp dport ${port} iifname != "lo"${strange} counter drop`];
}

function peersOf(settings: RulesetSettings, family: 'ipv4' | 'ipv6'): readonly Address[] {
  return settings.vrrpPeers.filter((peer) => familyOf(peer) === family).sort();
}

function strangers(header: 'ip' | 'ip6', peers: readonly Address[]): readonly string[] {
  const family = header === 'ip' ? 'ipv4' : 'ipv6';
  const source = peers.length === 0 ? '' : ` ${header} saddr != { ${peers.join(', ')} }`;
  return [`meta nfproto ${family}${source} counter drop`];
}

/** FNV-1a, 32 bits: tells versions apart, keeps no secret. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
