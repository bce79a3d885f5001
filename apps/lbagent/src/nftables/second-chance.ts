import { familyOf } from '@fairlead/model';
import type { Address } from '@fairlead/model';
import type { BaseChain, BaseSet } from './ruleset.ts';
import type { Mark, RulesetSettings } from './types.ts';

/** Differentiated services code point of packets that were sent on once; one of those for local use (RFC 2474, pool 2). */
export const SENT_ON = 0x2b;
/** After the last farewell of a member and the last packet that was sent on to it, whichever is later. */
export const CHANCE_SECONDS = 300;

const DEPARTED = 'departed';
/** A priority of 0, third byte of an advert: the sender has stopped owning (RFC 5798, 5.2.4). */
const FAREWELL = 'meta l4proto 112 @th,16,8 0';
/** Something that all packets in question have in common, so that a set can tell yes from no. */
const YES = 'meta protocol';

export interface SecondChance {
  readonly sets: readonly BaseSet[];
  readonly chains: readonly BaseChain[];
  /** For the end of the chain that guards VRRP. */
  readonly noteDeparture: readonly string[];
  /** For the chain that catches, ahead of everything else. */
  readonly tryOthers: readonly string[];
}

/**
 * PURE. A connection that another member accepted before it handed its addresses over lives on there: what arrives for it here is
 * sent on, as it is, to each member that said farewell. Members tell that by the adverts themselves, so nobody has to
 * be alive but the kernel. Whoever gets such a packet answers it or drops it, but never sends it on again.
 */
export function secondChance(settings: RulesetSettings): SecondChance {
  const peers = settings.secondChance === false ? [] : ipv4Peers(settings);
  const known = peers.length > 0;
  const { mask } = settings.mark;
  const sendOn = hex(sendOnMark(settings.mark));
  const notNew = 'tcp flags & (syn | ack) != syn ip daddr . tcp dport @tcp4';
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
          ? [
              'socket transparent 1 return',
              // A reset from the only other member is the truth; of several, one may have the connection after all.
              `ip dscp ${hex(SENT_ON)} ${peers.length === 1 ? 'return' : 'counter drop'}`,
              `ip dscp set ${hex(SENT_ON)} meta mark set meta mark and ${hex(~mask)} or ${sendOn} update @${DEPARTED} { ${YES} } counter accept`,
            ]
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
              `meta mark and ${hex(mask)} != ${sendOn} accept`,
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
    tryOthers: known
      ? [
          `${YES} @${DEPARTED} ${notNew} jump second_chance`,
          // Of several members it must be silent too where nobody's farewell was heard.
          ...(peers.length === 1 ? [] : [`ip dscp ${hex(SENT_ON)} ${notNew} jump second_chance`]),
        ]
      : [],
  };
}

/** PURE. Another value of the bits that are ours, for packets on their way from the table `inet` to the table `ip`. */
function sendOnMark({ value, mask }: Mark): number {
  const highest = 1 << (31 - Math.clz32(mask));
  return ((value & mask) ^ highest) >>> 0;
}

function ipv4Peers(settings: RulesetSettings): readonly Address[] {
  return settings.vrrpPeers.filter((peer) => familyOf(peer) === 'ipv4').sort();
}

function departed(peer: Address): string {
  return `${DEPARTED}_${peer.replaceAll('.', '_')}`;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
