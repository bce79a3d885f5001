import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { DEFAULT_MARK } from './ruleset.ts';
import { secondChance } from './second-chance.ts';
import type { RulesetSettings } from './types.ts';

const settings = (...peers: readonly string[]): RulesetSettings => ({
  ipv4Port: 5000,
  ipv6Port: 5000,
  mark: DEFAULT_MARK,
  vrrpPeers: peers.map(address),
});

function rulesOf(name: string, given: RulesetSettings): readonly string[] {
  return secondChance(given).chains.find((chain) => chain.name === name)!.rules;
}

describe('secondChance', () => {
  it('lets the only other member answer for a connection that nobody has', () => {
    const rules = rulesOf('second_chance', settings('10.9.0.12'));
    expect(rules[0]).toBe('ip dscp 0x2b return');
    expect(secondChance(settings('10.9.0.12')).tryOthers.ipv4).toHaveLength(1);
  });

  it('has each of several members keep silent about what it does not have, whether it heard a farewell or not', () => {
    const three = settings('10.9.0.13', '10.9.0.12');
    expect(rulesOf('second_chance', three)[0]).toBe('ip dscp 0x2b counter drop');
    expect(secondChance(three).tryOthers.ipv4[1]).toMatch(/^ip dscp 0x2b .* jump second_chance$/);
    const sent = rulesOf('send_on', three).filter((rule) => rule.includes('dup to'));
    expect(sent.map((rule) => /dup to (.*)/.exec(rule)![1])).toEqual(['10.9.0.12', '10.9.0.13']);
  });

  it('looks at what was sent on before it sends anything on, and lets new connections be', () => {
    const rules = rulesOf('second_chance', settings('10.9.0.12'));
    const seen = rules.findIndex((rule) => rule.startsWith('ip dscp 0x2b'));
    expect(seen).toBeLessThan(rules.findIndex((rule) => rule.includes('dscp set 0x2b')));
    expect(secondChance(settings('10.9.0.12')).tryOthers.ipv4[0]).toContain('tcp flags & (syn | ack) != syn');
  });

  it('marks what is sent on otherwise than what is caught, in bits that are ours', () => {
    expect(rulesOf('send_on', settings('10.9.0.12'))[0]).toBe('meta mark and 0xff0000 != 0x710000 accept');
  });

  it('counts the farewell of members only', () => {
    expect(secondChance(settings('10.9.0.12', 'fd00::2')).noteDeparture).toEqual([
      'meta nfproto ipv4 meta l4proto 112 @th,16,8 0 ip saddr { 10.9.0.12 } update @departed { meta protocol }',
      'meta nfproto ipv4 meta l4proto 112 @th,16,8 0 ip saddr { 10.9.0.12 } update @departed6 { meta pkttype }',
      'meta nfproto ipv6 meta l4proto 112 @th,16,8 0 ip6 saddr { fd00::2 } update @departed6 { meta pkttype }',
    ]);
  });

  it('sends IPv6 packets on to where each member is found by IPv6, by its address or where members meet', () => {
    const sent = rulesOf('send_on6', settings('10.9.0.13', '10.9.0.12', 'fd00::2')).slice(1);
    expect(sent).toEqual([
      'counter dup to fd66:6169:726c::a09:c',
      'counter dup to fd66:6169:726c::a09:d',
      'counter dup to fd00::2',
      'drop',
    ]);
    expect(rulesOf('second_chance6', settings('10.9.0.12'))[0]).toBe('ip6 dscp 0x2b return');
    expect(secondChance(settings('10.9.0.12')).tryOthers.ipv6[0]).toMatch(
      /^meta pkttype @departed6 .* jump second_chance6$/,
    );
  });

  it('is for IPv4 alone where the kernel can no more, and without a trace of IPv6 where there is none', () => {
    const lesser = secondChance({ ...settings('10.9.0.12'), secondChance: 'ipv4' });
    expect(lesser.chains.filter(({ rules }) => rules.length > 0).map(({ name }) => name)).toEqual([
      'second_chance',
      'departures',
      'send_on',
    ]);
    expect(JSON.stringify(secondChance({ ...settings('10.9.0.12'), ipv6: false }))).not.toMatch(/ip6|departed6/);
  });

  it.each([
    ['a machine is alone', settings()],
    ['it is switched off', { ...settings('10.9.0.12'), secondChance: false as const }],
  ])('has chains without rules when %s', (_, given) => {
    const { chains, noteDeparture, tryOthers } = secondChance(given);
    const { ipv4, ipv6 } = tryOthers;
    expect([...chains.flatMap(({ rules }) => rules), ...noteDeparture, ...ipv4, ...ipv6]).toEqual([]);
    const names = ['second_chance', 'departures', 'send_on', 'second_chance6', 'send_on6'];
    expect(chains.map(({ name }) => name)).toEqual(names);
  });
});
