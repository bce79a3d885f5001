import { address, familyOf, ipv4ToNumber } from '@fairlead/model';
import type { Address, AddressFamily } from '@fairlead/model';
import type { BaseChain, BaseSet } from './ruleset.ts';
import type { Mark, RulesetSettings } from './types.ts';

/** Differentiated services code point of packets that were sent on once; one of those for local use (RFC 2474, pool 2). */
export const SENT_ON = 0x2b;
/** After the last farewell of a member and the last packet that was sent on to it, whichever is later. */
export const CHANCE_SECONDS = 300;

const DEPARTED = 'departed';
const DEPARTED_IPV6 = 'departed6';
/** A priority of 0, third byte of an advert: the sender has stopped owning (RFC 5798, 5.2.4). */
const FAREWELL = 'meta l4proto 112 @th,16,8 0';
/** Something that all packets in question have in common, so that a set can tell yes from no. */
const YES = 'meta protocol';
/** The same for adverts of one family and packets of another: they are addressed to this machine alone. */
const YES_IN_EITHER = 'meta pkttype';

export interface SecondChance {
  readonly sets: readonly BaseSet[];
  readonly chains: readonly BaseChain[];
  /** For the end of the chain that guards VRRP. */
  readonly noteDeparture: readonly string[];
  /** For the chains of what is caught, between packets that have a socket here and those that need one. */
  readonly tryOthers: Readonly<Record<AddressFamily, readonly string[]>>;
}

type ChanceOfFamily = Omit<SecondChance, 'tryOthers'> & { readonly tryOthers: readonly string[] };

/**
 * PURE. A connection that another member accepted before it handed its addresses over lives on there: what arrives for it here is
 * sent on, as it is, to each member that said farewell. Members tell that by the adverts themselves, so nobody has to
 * be alive but the kernel. Whoever gets such a packet answers it or drops it, but never sends it on again.
 * IPv6 packets are sent on to all members as soon as one said farewell: the table in which adverts are told apart by
 * member may be one of the other family.
 */
export function secondChance(settings: RulesetSettings): SecondChance {
  const [ipv4, ipv6] = [chanceOfIpv4(settings), chanceOfIpv6(settings)];
  return {
    sets: [...ipv4.sets, ...ipv6.sets],
    chains: [...ipv4.chains, ...ipv6.chains],
    noteDeparture: [...ipv4.noteDeparture, ...ipv6.noteDeparture],
    tryOthers: { ipv4: ipv4.tryOthers, ipv6: ipv6.tryOthers },
  };
}

function chanceOfIpv4(settings: RulesetSettings): ChanceOfFamily {
  const peers = settings.secondChance === false ? [] : peersOf(settings, 'ipv4');
  const known = peers.length > 0;
  return {
    sets: [
      { family: 'inet', name: DEPARTED, type: YES, seconds: CHANCE_SECONDS },
      ...peers.map((peer): BaseSet => ({ family: 'ip', name: departed(peer), type: YES, seconds: CHANCE_SECONDS })),
    ],
    chains: [
      {
        family: 'inet',
        name: 'second_chance',
        rules: known
          ? judgeRules(settings, { header: 'ip', peers: peers.length, refresh: `@${DEPARTED} { ${YES} }` })
          : [],
      },
      {
        family: 'ip',
        name: 'departures',
        hook: 'prerouting',
        priority: 'raw + 1',
        rules: peers.map((peer) => `${FAREWELL} ip saddr ${peer} update @${departed(peer)} { ${YES} }`),
      },
      {
        family: 'ip',
        name: 'send_on',
        hook: 'prerouting',
        priority: 'mangle + 1',
        rules: known
          ? [
              onlySentOn(settings.mark),
              ...peers.map((peer) => {
                const set = `@${departed(peer)}`;
                return `${YES} ${set} update ${set} { ${YES} } counter dup to ${peer}`;
              }),
              'drop',
            ]
          : [],
      },
    ],
    noteDeparture: known
      ? [`meta nfproto ipv4 ${FAREWELL} ip saddr { ${peers.join(', ')} } update @${DEPARTED} { ${YES} }`]
      : [],
    tryOthers: known ? tryRules('ip', peers.length, `${YES} @${DEPARTED}`) : [],
  };
}

function chanceOfIpv6(settings: RulesetSettings): ChanceOfFamily {
  if (settings.ipv6 === false) return { sets: [], chains: [], noteDeparture: [], tryOthers: [] };
  const hops = settings.secondChance === undefined ? hopsTo(settings) : [];
  const known = hops.length > 0;
  const refresh = `@${DEPARTED_IPV6} { ${YES_IN_EITHER} }`;
  return {
    sets: [{ family: 'inet', name: DEPARTED_IPV6, type: YES_IN_EITHER, seconds: CHANCE_SECONDS }],
    chains: [
      {
        family: 'inet',
        name: 'second_chance6',
        rules: known ? judgeRules(settings, { header: 'ip6', peers: hops.length, refresh }) : [],
      },
      {
        family: 'ip6',
        name: 'send_on6',
        hook: 'prerouting',
        priority: 'mangle + 1',
        rules: known ? [onlySentOn(settings.mark), ...hops.map((hop) => `counter dup to ${hop}`), 'drop'] : [],
      },
    ],
    noteDeparture: known
      ? (['ipv4', 'ipv6'] as const).flatMap((family) => {
          const peers = peersOf(settings, family).join(', ');
          const from = `${family === 'ipv4' ? 'ip' : 'ip6'} saddr { ${peers} }`;
          return peers === '' ? [] : [`meta nfproto ${family} ${FAREWELL} ${from} update ${refresh}`];
        })
      : [],
    tryOthers: known ? tryRules('ip6', hops.length, `${YES_IN_EITHER} @${DEPARTED_IPV6}`) : [],
  };
}

interface Judging {
  readonly header: 'ip' | 'ip6';
  readonly peers: number;
  /** What keeps the chance open. */
  readonly refresh: string;
}

function judgeRules({ mark }: RulesetSettings, { header, peers, refresh }: Judging): readonly string[] {
  return [
    // A reset from the only other member is the truth; of several, one may have the connection after all.
    `${header} dscp ${hex(SENT_ON)} ${peers === 1 ? 'return' : 'counter drop'}`,
    `${header} dscp set ${hex(SENT_ON)} meta mark set meta mark and ${hex(~mark.mask)} or ${hex(sendOnMark(mark))} update ${refresh} counter accept`,
  ];
}

function tryRules(header: 'ip' | 'ip6', peers: number, isOpen: string): readonly string[] {
  const notNew = `tcp flags & (syn | ack) != syn jump ${header === 'ip' ? 'second_chance' : 'second_chance6'}`;
  return [
    `${isOpen} ${notNew}`,
    // Of several members it must be silent too where nobody's farewell was heard.
    ...(peers === 1 ? [] : [`${header} dscp ${hex(SENT_ON)} ${notNew}`]),
  ];
}

function onlySentOn(mark: Mark): string {
  return `meta mark and ${hex(mark.mask)} != ${hex(sendOnMark(mark))} accept`;
}

/**
 * PURE. Where another member finds one that is known by an IPv4 address, over IPv6: each has this address, made from that
 * one, on the link of its IPv4 one. (Unique local, RFC 4193; on other links nobody hears of it.)
 */
export function meetingAddress(member: Address): Address {
  const value = ipv4ToNumber(member);
  return address(`${MEETING_PREFIX}${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`);
}

/** How `meetingAddress` begins; the rest of these 64 bits is nobody else's. */
export const MEETING_PREFIX = 'fd66:6169:726c::';

/** Where IPv6 packets go on to, one for each other member. */
function hopsTo({ vrrpPeers }: RulesetSettings): readonly Address[] {
  return vrrpPeers.toSorted().map((peer) => (familyOf(peer) === 'ipv6' ? peer : meetingAddress(peer)));
}

/** PURE. Another value of the bits that are ours, for packets on their way from the table `inet` to the table `ip`. */
function sendOnMark({ value, mask }: Mark): number {
  const highest = 1 << (31 - Math.clz32(mask));
  return ((value & mask) ^ highest) >>> 0;
}

function peersOf({ vrrpPeers }: RulesetSettings, family: AddressFamily): readonly Address[] {
  return vrrpPeers.filter((peer) => familyOf(peer) === family).sort();
}

function departed(peer: Address): string {
  return `${DEPARTED}_${peer.replaceAll('.', '_')}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
