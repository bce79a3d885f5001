import type { AddressFamily } from '@fairlead/model';
import { hash32 } from '@fairlead/haproxy';
import { FAMILIES } from './families.ts';

/** Apart from the table that catches TCP: a kernel that cannot forward must catch all the same. */
export const TABLE = 'fairlead_udp';

export interface BaseSettings {
  /**
   * Families of which this machine became a router for our sake only, so it forwards nothing but our flows. Of another it
   * was one before, and what else it forwards is none of our business.
   */
  readonly guard: readonly AddressFamily[];
}

export interface BaseChain {
  readonly name: string;
  readonly type: 'filter' | 'nat';
  readonly hook: 'prerouting' | 'output' | 'forward' | 'postrouting';
  /** A number, because names are not the same for every hook. */
  readonly priority: number;
  readonly rules: readonly string[];
}

const BOTH = [FAMILIES.ipv4, FAMILIES.ipv6];

/**
 * PURE. Chains and rules that all forwards share.
 * `unserved`: ahead of connection tracking, which would remember a flow that nobody served and go on not serving it.
 * `incoming`, `own`: to the forward's chain; `own` for what this machine itself sends to an address that it has.
 * `source`: backends answer to this machine, because only it knows where the flow came from.
 * `through`: see `guard`. Passes what was given another destination, by whomever, and errors about it.
 */
export function baseChains({ guard }: BaseSettings): readonly BaseChain[] {
  const lead = BOTH.map(({ header, chains }) => `${header} daddr . udp dport vmap @${chains}`);
  return [
    {
      name: 'unserved',
      type: 'filter',
      hook: 'prerouting',
      priority: -300,
      rules: BOTH.map(
        ({ header, vips, ports }) =>
          `meta l4proto udp ${header} daddr @${vips} ${header} daddr . udp dport != @${ports} counter drop`,
      ),
    },
    { name: 'incoming', type: 'nat', hook: 'prerouting', priority: -100, rules: lead },
    { name: 'own', type: 'nat', hook: 'output', priority: -100, rules: lead },
    {
      name: 'source',
      type: 'nat',
      hook: 'postrouting',
      priority: 100,
      rules: BOTH.map(
        ({ header, ports }) =>
          `meta l4proto udp ct status dnat ct original ${header} daddr . ct original proto-dst @${ports} masquerade`,
      ),
    },
    {
      name: 'through',
      type: 'filter',
      hook: 'forward',
      priority: 0,
      rules: [
        'ct status dnat accept',
        ...(['ipv4', 'ipv6'] as const)
          .filter((family) => guard.includes(family))
          .map((family) => `meta nfproto ${family} counter drop`),
      ],
    },
  ];
}

/** PURE. Marks each rule with what it belongs to and its place, so that a changed, lost or moved rule is noticed. */
export function baseComment(settings: BaseSettings, index: number): string {
  return `fairlead ${hash32(JSON.stringify(baseChains(settings))).toString(16)} ${index}`;
}

/** PURE. Input of `nft -f`: makes or repairs the base in one transaction and leaves the forwards as they are. */
export function renderBase(settings: BaseSettings): string {
  const lines = [`add table inet ${TABLE}`];
  for (const { type, vips, ports, chains } of BOTH) {
    lines.push(
      `add set inet ${TABLE} ${vips} { type ${type}; }`,
      `add set inet ${TABLE} ${ports} { type ${type} . inet_service; }`,
      `add map inet ${TABLE} ${chains} { type ${type} . inet_service : verdict; }`,
    );
  }
  const all = baseChains(settings);
  for (const { name, type, hook, priority } of all) {
    lines.push(
      `add chain inet ${TABLE} ${name} { type ${type} hook ${hook} priority ${priority}; policy accept; }`,
      `flush chain inet ${TABLE} ${name}`,
    );
  }
  for (const { name, rules } of all) {
    rules.forEach((rule, index) => {
      lines.push(`add rule inet ${TABLE} ${name} ${rule} comment "${baseComment(settings, index)}"`);
    });
  }
  return `${lines.join('\n')}\n`;
}
