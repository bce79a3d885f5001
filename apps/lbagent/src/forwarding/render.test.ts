import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { renderBase } from './base.ts';
import { forwardName, parseForwardName, renderChange, sealOf } from './render.ts';
import type { Forward } from './types.ts';

const node = (name: string, host: string) => ({ name, address: address(host), port: 30_053 });
const DNS: Forward = {
  vip: address('10.9.100.1'),
  port: 53,
  loadBalancerId: 'b1946ac9',
  backends: [node('node-1', '10.9.2.1'), node('node-2', '10.9.2.2')],
  draining: [],
};
const V6: Forward = { ...DNS, vip: address('fd00::1'), backends: [node('node-1', 'fd02::1')] };

describe('what UDP stands on', () => {
  it('is rendered as it stands in the golden file', async () => {
    await expect(renderBase({ guard: ['ipv4', 'ipv6'] })).toMatchFileSnapshot('golden/base.nft');
  });

  it('leaves alone what a machine forwards that was a router before', () => {
    expect(renderBase({ guard: ['ipv4'] })).toMatch(
      /through ct status dnat accept .*\n.* through meta nfproto ipv4 counter drop /,
    );
    expect(renderBase({ guard: ['ipv4'] })).not.toContain('meta nfproto ipv6 counter drop');
    expect(renderBase({ guard: [] })).not.toContain('nfproto');
  });
});

describe('a change of forwards', () => {
  const lines = (text: string | undefined) => `${(text ?? '').split('; add ').join(';\nadd ')}\n`;

  it('is one line, in both families, as it stands in the golden file', async () => {
    const change = { put: [DNS, V6], remove: [{ vip: address('10.9.100.2'), port: 443 }] };
    const text = renderChange(change, new Set([DNS.vip, V6.vip]));
    expect(text).not.toContain('\n');
    await expect(lines(text)).toMatchFileSnapshot('golden/change.nft');
  });

  it('goes by the client alone where all its flows are to go one way, in both families', () => {
    const put = [DNS, V6].map((forward) => ({ ...forward, byClient: true as const }));
    const rules = lines(renderChange({ put, remove: [] }, new Set()))
      .split('\n')
      .filter((line) => line.startsWith('add rule'));
    expect(rules.map((rule) => / jhash (.*) mod /.exec(rule)?.[1])).toEqual(['ip saddr', 'ip6 saddr']);
  });

  it('takes an address away with its last forward only', () => {
    const remove = [{ vip: DNS.vip, port: 53 }];
    expect(renderChange({ put: [], remove }, new Set([DNS.vip]))).not.toContain('vips4');
    expect(renderChange({ put: [], remove }, new Set())).toContain(
      'delete element inet fairlead_udp vips4 { 10.9.100.1 }',
    );
  });

  it('renders the same bytes whatever the order of the backends', () => {
    const turned = { ...DNS, backends: DNS.backends.toReversed() };
    const text = (forward: Forward) => renderChange({ put: [forward], remove: [] }, new Set());
    expect(text(turned)).toBe(text(DNS));
    expect(sealOf(turned)).toBe(sealOf(DNS));
  });

  it('has nothing to say about nothing', () => {
    expect(renderChange({ put: [], remove: [] }, new Set())).toBeUndefined();
  });
});

it('another backend, port, load balancer or one on its way out is another seal', () => {
  const others: Forward[] = [
    { ...DNS, port: 54 },
    { ...DNS, byClient: true },
    { ...DNS, loadBalancerId: 'other' },
    { ...DNS, backends: DNS.backends.slice(1) },
    { ...DNS, backends: DNS.backends.slice(1), draining: DNS.backends.slice(0, 1) },
    { ...DNS, backends: DNS.backends.map((each) => ({ ...each, port: 1 })) },
  ];
  expect(new Set([DNS, ...others].map(sealOf)).size).toBe(7);
});

it("a forward's name says its address and port, and nothing else does", () => {
  for (const { vip, port } of [DNS, V6]) expect(parseForwardName(forwardName({ vip, port }))).toEqual({ vip, port });
  for (const other of ['incoming', 'udp4', 'udp_', 'udp_10.9.100.1', 'udp_10.9.100.1_']) {
    expect(parseForwardName(other)).toBeUndefined();
  }
});
