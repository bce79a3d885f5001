import { address } from '@fairlead/model';
import { describe, expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { assign } from './assign.ts';
import type { Wanted } from './permission.ts';
import { SMALL, holding, outcome, pool, request, service } from './testing/pools.ts';

describe('families', () => {
  const both = pool('dual', '10.0.0.1-10.0.0.3,fd00::/64');

  test('one address of each family asked for, in that order', () => {
    const wanted = service('s1', { families: ['ipv6', 'ipv4'] });
    expect(outcome(assign(request(wanted, [both]), new AddressBook()))).toBe('fd00:: of dual, 10.0.0.1 of dual');
  });

  test('all of them or none', () => {
    const wanted = service('s1', { families: ['ipv4', 'ipv6'] });
    expect(outcome(assign(request(wanted, [SMALL]), new AddressBook()))).toMatch(/^NO_POOL: no free IPv6 address/);
  });

  describe('that are optional', () => {
    const both = (more: Partial<Wanted> = {}) =>
      service('s1', { families: ['ipv4', 'ipv6'], familiesOptional: true, ...more });

    test('are all given when they can be', () => {
      const given = assign(request(both(), [SMALL, pool('six', 'fd00::1-fd00::9')]), new AddressBook());
      expect(outcome(given)).toBe('10.0.0.1 of default, fd00::1 of six');
      expect(given).not.toHaveProperty('lacking');
    });

    test('are given as far as they can be, and what is lacking is told with its reason', () => {
      const given = assign(request(both(), [SMALL]), new AddressBook());
      expect(outcome(given)).toBe('10.0.0.1 of default');
      expect(given).toMatchObject({
        lacking: { reason: 'NO_POOL', message: expect.stringMatching(/^no free IPv6 address for prod\/shop\/s1/) },
      });
    });

    test('are refused when none can be had, each with its reason', () => {
      const book = new AddressBook(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((text, n) => holding(`h${n}`, text)));
      expect(outcome(assign(request(both(), [SMALL]), book))).toMatch(
        /^POOL_EXHAUSTED: no free IPv4 address .*; no free IPv6 address /,
      );
    });

    test('keep an address that somebody has already when the one now asked for cannot be had', () => {
      const book = new AddressBook([holding('s1', 'fd00::1'), holding('other', 'fd00::2')]);
      const wanted = both({ wantedAddresses: [address('fd00::2')] });
      const given = assign(request(wanted, [SMALL, pool('six', 'fd00::1-fd00::9')]), book);
      expect(outcome(given)).toBe('10.0.0.1 of default');
      expect(given).toMatchObject({ released: [], lacking: { reason: 'ADDRESS_HELD' } });
    });

    test('within a quota with room for one are one, the first or the one it has', () => {
      const pools = [SMALL, pool('six', 'fd00::1-fd00::9')];
      const first = assign(request(both(), pools, { quota: 1 }), new AddressBook());
      expect(outcome(first)).toBe('10.0.0.1 of default');
      expect(first).toMatchObject({ lacking: { reason: 'QUOTA_EXCEEDED' } });
      const live = assign(request(both(), pools, { quota: 1 }), new AddressBook([holding('s1', 'fd00::5')]));
      expect(outcome(live)).toBe('fd00::5 of six');
      expect(outcome(assign(request(both(), pools, { quota: 0 }), new AddressBook()))).toMatch(/^QUOTA_EXCEEDED/);
    });
  });

  test('both asked for and neither to be had: each is told', () => {
    const wanted = service('s1', { families: ['ipv4', 'ipv6'] });
    expect(outcome(assign(request(wanted, []), new AddressBook()))).toMatch(
      /^NO_POOL: no free IPv4 address .*; no free IPv6 address /,
    );
  });

  test('a second family leaves the first its address, whichever comes first, and so does its end', () => {
    const pools = [SMALL, pool('six', 'fd00::1-fd00::9')];
    const book = new AddressBook([holding('s1', '10.0.0.2')]);
    const dual = assign(request(service('s1', { families: ['ipv6', 'ipv4'] }), pools), book);
    expect(outcome(dual)).toBe('fd00::1 of six, 10.0.0.2 of default');
    expect(dual).toMatchObject({ released: [] });
    book.hold({ ...holding('s1', 'fd00::1') });
    const single = assign(request(service('s1', { families: ['ipv4'] }), pools), book);
    expect(outcome(single)).toBe('10.0.0.2 of default');
    expect(single).toMatchObject({ released: ['fd00::1'] });
  });

  test('a family no longer wanted is given back', () => {
    const book = new AddressBook([holding('s1', '10.0.0.1'), holding('s1', 'fd00::5')]);
    expect(assign(request(service('s1'), [both]), book)).toMatchObject({ ok: true, released: ['fd00::5'] });
  });

  test('a pool of 2^64 addresses answers as quickly as a small one', () => {
    const book = new AddressBook(
      Array.from({ length: 5_000 }, (_, index) => holding(`s${index}`, `fd00::${index.toString(16)}`)),
    );
    const wanted = service('new', { families: ['ipv6'] });
    const before = process.threadCpuUsage();
    for (let round = 0; round < 100; round += 1) {
      expect(outcome(assign(request(wanted, [both]), book))).toBe('fd00::1388 of dual');
    }
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1000 / 100).toBeLessThan(5);
  });
});
