import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressFromBigInt } from './address.ts';
import { allowedSources, parseSourceRange, sourceCheck } from './source-ranges.ts';

describe('parseSourceRange', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    [' 10.0.0.0/8\t', '10.0.0.0/8'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['FD00:0:0::/8', 'fd00::/8'],
    ['::/0', '::/0'],
    ['192.0.2.7/32', '192.0.2.7/32'],
  ])('reads %j', (text, value) => {
    expect(parseSourceRange(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['10.0.0.1/8', 'did you mean 10.0.0.0/8?'],
    ['010.0.0.0/8', 'is not an IP address'],
    ['10.0.0.0/08', 'is not a CIDR'],
    ['10.0.0.0/33', 'at most 32'],
    ['10.0.0.0', 'is not a CIDR'],
    ['', 'is not a CIDR'],
    ['10.0.0.0/8 # all', 'is not a CIDR'],
    ['10.0.0.0/8\n0.0.0.0/0', 'is not'],
    ['10.0.0.0\0/8', 'is not'],
    ['fe80::%eth0/64', 'is not an IP address'],
    ['::ffff:10.0.0.0/104', 'write it as IPv4'],
    ['１０.0.0.0/8', 'is not an IP address'],
    ['10.0.0.0/8}; flush ruleset', 'is not'],
    [`${'1'.repeat(1024 * 1024)}/8`, 'is not an IP address'],
  ])('refuses %.40j and says why in short', (text, why) => {
    const parsed = parseSourceRange(text);
    if (parsed.ok) throw new Error(`read as ${parsed.value}`);
    expect(parsed.error).toContain(why);
    expect(parsed.error.length).toBeLessThan(200);
  });
});

describe('allowedSources', () => {
  it.each<[string, readonly string[], 'ipv4' | 'ipv6', readonly string[] | undefined]>([
    ['only ranges of the family', ['10.0.0.0/8', 'fd00::/8'], 'ipv6', ['fd00::/8']],
    ['nobody when the family is not named', ['10.0.0.0/8'], 'ipv6', []],
    ['everyone when all of it is named', ['10.0.0.0/8', '0.0.0.0/0'], 'ipv4', undefined],
    ['the outer of two ranges', ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/16'], 'ipv4', ['10.0.0.0/8']],
    ['neighbours as they are', ['10.0.0.0/9', '10.128.0.0/9'], 'ipv4', ['10.0.0.0/9', '10.128.0.0/9']],
  ])('has %s', (_what, ranges, family, expected) => {
    expect(allowedSources(ranges, family)).toEqual(expected);
  });

  it('is the same list as long as the ranges are, so that nobody sees a change where there is none', () => {
    const ranges = ['10.0.0.0/8', 'fd00::/8'];
    expect(allowedSources(ranges, 'ipv4')).toBe(allowedSources(ranges, 'ipv4'));
  });

  // Close together, so that many are inside one another.
  const cidr = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 })).map(([last, length]) => {
    const size = 2 ** (32 - length);
    return `10.0.0.${last - (last % size)}/${length}`;
  });

  it('lets in exactly those whom the ranges let in, by ranges that are apart', () => {
    fc.assert(
      fc.property(fc.uniqueArray(cidr, { minLength: 1, maxLength: 12 }), (ranges) => {
        const allowed = allowedSources(ranges, 'ipv4')!;
        const asWritten = ranges.map((each) => sourceCheck([each]));
        const asMerged = allowed.map((each) => sourceCheck([each]));
        const whole = sourceCheck(ranges);
        for (let last = 0; last < 256; last++) {
          const client = addressFromBigInt(0x0a00_0000n + BigInt(last), 'ipv4');
          const isIn = asWritten.some((check) => check(client));
          expect(whole(client)).toBe(isIn);
          expect(asMerged.filter((check) => check(client)).length).toBe(isIn ? 1 : 0);
        }
        expect(allowedSources(ranges.toReversed(), 'ipv4')).toEqual(allowed);
      }),
      { numRuns: 100 },
    );
  });
});

it('lets nobody in by a name that is no address, or by an address of the other family', () => {
  expect(sourceCheck(['0.0.0.0/0', '::/0'])('unix')).toBe(false);
  expect(sourceCheck(['0.0.0.0/0'])('fd00::1')).toBe(false);
  expect(sourceCheck(['10.0.0.0/8', 'fd00::/8'])('10.200.0.1')).toBe(true);
  expect(sourceCheck([])('10.200.0.1')).toBe(false);
});
