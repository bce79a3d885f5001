import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  address,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  formatEndpoint,
  formatRange,
  parseAddress,
  parseCidr,
  parseRange,
  rangeContains,
  rangesOverlap,
  specialUse,
} from './address.ts';

const v4 = fc.bigInt(0n, (1n << 32n) - 1n).map((value) => addressFromBigInt(value, 'ipv4'));
const v6 = fc
  .bigInt(0n, (1n << 128n) - 1n)
  .filter((value) => value >> 32n !== 0xffffn)
  .map((value) => addressFromBigInt(value, 'ipv6'));

describe('an address', () => {
  it.each([
    ['192.168.0.1', '192.168.0.1'],
    ['fd00:0:0:0:db8::1', 'fd00::db8:0:0:1'],
    ['FD00::A', 'fd00::a'],
    ['::', '::'],
  ])('%s has the one form %s', (text, canonical) => {
    expect(parseAddress(text)).toEqual({ ok: true, value: canonical });
  });

  it.each([
    '',
    '010.0.0.1',
    '0x7f.0.0.1',
    '127.1',
    '2130706433',
    '1.2.3.4.5',
    '256.0.0.1',
    '1.2.3.4/32',
    'fe80::1%eth0',
    '::1::2',
    '[::1]',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '１.2.3.4',
    'localhost',
  ])('is not written as %j', (text) => {
    expect(parseAddress(text)).toMatchObject({ ok: false });
  });

  it('of IPv4 has no second name in IPv6', () => {
    expect(parseAddress('::ffff:1.2.3.4')).toEqual({
      ok: false,
      error: expect.stringContaining('write it as IPv4'),
    });
  });

  it('is what its number says, and reads back as itself', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (each) => {
        expect(address(each)).toBe(each);
        expect(addressFromBigInt(addressToBigInt(each), each.includes(':') ? 'ipv6' : 'ipv4')).toBe(each);
      }),
    );
  });

  it('never makes the reader throw, whatever stands there', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => parseAddress(text)).not.toThrow();
      }),
    );
    expect(parseAddress('1'.repeat(1 << 20))).toMatchObject({ ok: false });
  });

  it('stands in order of family and number, not of text', () => {
    const given = ['::1', '10.0.0.9', '10.0.0.10', '9.0.0.0'].map(address);
    expect(given.sort(compareAddresses)).toEqual(['9.0.0.0', '10.0.0.9', '10.0.0.10', '::1']);
  });

  it('of IPv6 is bracketed before a port', () => {
    expect(formatEndpoint('fd00::1', 80)).toBe('[fd00::1]:80');
    expect(formatEndpoint('10.0.0.1', 80)).toBe('10.0.0.1:80');
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['169.254.9.9', 'link-local'],
    ['fe80::1', 'link-local'],
    ['224.0.0.18', 'multicast'],
    ['ff02::12', 'multicast'],
    ['255.255.255.255', 'reserved'],
    ['0.0.0.0', 'this network'],
  ])('%s is of no use to us: %s', (text, why) => {
    expect(specialUse(address(text))).toContain(why);
  });

  it('of an ordinary network is of use', () => {
    for (const text of ['10.0.0.1', '192.168.0.1', 'fd00::1', '2001:db8::1']) {
      expect(specialUse(address(text))).toBeUndefined();
    }
  });
});

describe('a range', () => {
  it.each([
    ['192.168.0.208/28', '192.168.0.208-192.168.0.223'],
    ['10.0.0.1-10.0.0.9', '10.0.0.1-10.0.0.9'],
    ['10.0.0.1 - 10.0.0.9', '10.0.0.1-10.0.0.9'],
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0/0', '0.0.0.0-255.255.255.255'],
    ['fd00::/126', 'fd00::-fd00::3'],
  ])('%s is %s', (text, meaning) => {
    const parsed = parseRange(text);
    expect(parsed.ok && formatRange(parsed.value)).toBe(meaning);
  });

  it.each([
    ['10.0.0.7/24', 'did you mean 10.0.0.0/24'],
    ['10.0.0.9-10.0.0.1', 'ends before it starts'],
    ['10.0.0.1-fd00::1', 'ends in the other'],
    ['10.0.0.1-2-3', 'FIRST-LAST'],
    ['10.0.0.0/33', 'at most 32'],
    ['10.0.0.0/08', 'is not a CIDR'],
    ['10.0.0.0/', 'is not a CIDR'],
    ['/24', 'is not a CIDR'],
    ['', 'is not an IP address'],
  ])('%s is refused: %s', (text, why) => {
    expect(parseRange(text)).toEqual({ ok: false, error: expect.stringContaining(why) });
  });

  it('has its ends in it and nothing beyond, and nothing of the other family', () => {
    const parsed = parseCidr('10.0.0.4/30');
    if (!parsed.ok) throw new Error(parsed.error);
    const within = ['10.0.0.3', '10.0.0.4', '10.0.0.7', '10.0.0.8', '::a00:4'].map((text) =>
      rangeContains(parsed.value, address(text)),
    );
    expect(within).toEqual([false, true, true, false, false]);
  });

  it('overlaps another exactly when an address is in both', () => {
    const small = fc.bigInt(0n, 20n);
    const range = fc
      .tuple(small, small)
      .map(([a, b]) => ({ family: 'ipv4' as const, first: a < b ? a : b, last: a < b ? b : a }));
    fc.assert(
      fc.property(range, range, (a, b) => {
        const shared = Array.from({ length: 21 }, (_, value) => addressFromBigInt(BigInt(value), 'ipv4')).some(
          (each) => rangeContains(a, each) && rangeContains(b, each),
        );
        expect(rangesOverlap(a, b)).toBe(shared);
        expect(rangesOverlap(b, a)).toBe(shared);
      }),
    );
  });
});
