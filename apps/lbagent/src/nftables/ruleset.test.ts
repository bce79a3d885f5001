import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { DEFAULT_MARK, renderRuleset, ruleComment } from './ruleset.ts';
import type { RulesetSettings } from './types.ts';

const settings: RulesetSettings = {
  ipv4Port: 5000,
  ipv6Port: 5000,
  mark: DEFAULT_MARK,
  vrrpPeers: [address('10.9.0.12'), address('10.9.0.13')],
  memory: { address: address('10.9.0.11'), port: 7432 },
};

describe('renderRuleset', () => {
  it('renders the base as it stands in the golden file', async () => {
    await expect(renderRuleset(settings)).toMatchFileSnapshot('golden/base.nft');
  });

  it('renders the same bytes whatever the order of the peers', () => {
    expect(renderRuleset({ ...settings, vrrpPeers: settings.vrrpPeers.toReversed() })).toBe(renderRuleset(settings));
  });

  it("accepts nobody's VRRP when there are no peers", () => {
    const text = renderRuleset({ ...settings, vrrpPeers: [] });
    expect(text).toContain('vrrp meta l4proto 112 jump adverts');
    expect(text).toContain('adverts meta nfproto ipv4 counter drop');
    expect(text).not.toMatch(/ (vrrp|adverts) .*saddr/);
    expect(text).toContain('ip daddr 10.9.0.11 tcp dport 7432 iifname != "lo" counter drop');
  });

  it('keeps the bits of the mark that are not ours', () => {
    expect(renderRuleset({ ...settings, mark: { value: 0x1, mask: 0xff } })).toContain(
      'meta mark set meta mark and 0xffffff00 or 0x00000001 accept',
    );
  });
});

describe('ruleComment', () => {
  it('tells rules of other settings apart', () => {
    expect(ruleComment(settings, 0)).not.toBe(ruleComment({ ...settings, vrrpPeers: [] }, 0));
    expect(ruleComment(settings, 0)).not.toBe(ruleComment(settings, 1));
  });
});
