import { address } from '@fairlead/model';
import { describe, expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { assign } from './assign.ts';
import { SMALL, NOW, asking, holding, outcome, pool, range, request, service } from './testing/pools.ts';

describe('an address of its own', () => {
  test('the lowest free address of the first pool by priority, then name', () => {
    const pools = [pool('b', '10.0.2.0/24'), pool('a', '10.0.1.0/24'), pool('first', '10.0.3.0/24', { priority: -1 })];
    expect(outcome(assign(request(service('s1'), pools), new AddressBook()))).toBe('10.0.3.0 of first');
    expect(outcome(assign(request(service('s1'), pools.slice(0, 2)), new AddressBook()))).toBe('10.0.1.0 of a');
  });

  test('a gap is filled before the end is reached', () => {
    const book = new AddressBook([holding('s1', '10.0.0.1'), holding('s3', '10.0.0.3')]);
    expect(outcome(assign(request(service('s2'), [SMALL]), book))).toBe('10.0.0.2 of default');
  });

  test('asking again gives the same address and nothing to release', () => {
    const book = new AddressBook([holding('s0', '10.0.0.1'), holding('s1', '10.0.0.3')]);
    book.release(address('10.0.0.1'));
    const again = assign(request(service('s1'), [SMALL]), book);
    expect(outcome(again)).toBe('10.0.0.3 of default');
    expect(again).toMatchObject({ released: [] });
  });

  test('a live address stays when the rules of its pool no longer allow it', () => {
    const changed = pool('default', '10.0.0.1-10.0.0.3', {
      clusters: ['other'],
      exclude: [range('10.0.0.2')],
      autoAssign: false,
    });
    const book = new AddressBook([holding('s1', '10.0.0.2')]);
    expect(outcome(assign(request(service('s1'), [changed]), book))).toBe('10.0.0.2 of default');
  });

  test('a live address that is in no pool any more is told, and never swapped for another', () => {
    const book = new AddressBook([holding('s1', '10.9.9.9')]);
    expect(outcome(assign(request(service('s1'), [SMALL]), book))).toMatch(
      /^ADDRESS_OUTSIDE_POOLS: 10\.9\.9\.9 is in no/,
    );
  });

  test('every address of a CIDR is given, the first and the last too, unless they are occupied', () => {
    const block = pool('default', '10.0.0.252/30');
    const book = new AddressBook();
    expect(outcome(assign(request(asking('s1', '10.0.0.255'), [block]), book))).toBe('10.0.0.255 of default');
    const occupied = [{ range: range('10.0.0.255'), by: 'the broadcast address of 10.0.0.0/24' }];
    const refused = assign(request(asking('s1', '10.0.0.255'), [block], { occupied }), book);
    expect(outcome(refused)).toBe(
      'ADDRESS_OCCUPIED: 10.0.0.255 is the broadcast address of 10.0.0.0/24: ask for another address',
    );
  });

  test('the order of pools, holders and reservations does not matter', () => {
    const pools = [
      pool('c', '10.0.3.0/30', { priority: 1 }),
      pool('b', '10.0.2.0/30', { reservations: [{ ...service('x'), address: address('10.0.2.0') }] }),
      pool('a', '10.0.1.0/30', { clusters: ['other'] }),
    ];
    const held = ['10.0.2.1', '10.0.2.3', '10.0.3.0'].map((text, index) => holding(`h${index}`, text));
    for (let round = 0; round < 100; round += 1) {
      const book = new AddressBook(shuffle(held, round));
      expect(outcome(assign(request(service('s1'), shuffle(pools, round)), book))).toBe('10.0.2.2 of b');
    }
  });
});

describe('reservations', () => {
  const kept = { address: address('10.0.0.1'), cluster: 'prod', namespace: 'shop', name: 'front' };
  const reserving = pool('default', '10.0.0.1-10.0.0.3', { reservations: [kept] });

  test('the Service they are for gets the address without asking, also of a pool that gives none by itself', () => {
    const manual = { ...reserving, autoAssign: false };
    expect(outcome(assign(request(service('front'), [manual]), new AddressBook()))).toBe('10.0.0.1 of default');
  });

  test('others pass it by, also a Service of the same name in another namespace', () => {
    const other = service('front', { namespace: 'test' });
    expect(outcome(assign(request(other, [reserving]), new AddressBook()))).toBe('10.0.0.2 of default');
  });

  test('when somebody holds it already, the Service is told and gets no other in silence', () => {
    const book = new AddressBook([holding('early', '10.0.0.1')]);
    expect(outcome(assign(request(service('front'), [reserving]), book))).toMatch(/^ADDRESS_HELD: .*prod\/shop\/early/);
  });
});

describe('quarantine', () => {
  function rested(until: number): AddressBook {
    const book = new AddressBook([holding('s1', '10.0.0.1')]);
    book.release(address('10.0.0.1'), until);
    return book;
  }

  test('a freed address waits, and is given when its time is over', () => {
    const book = rested(NOW + 60_000);
    expect(outcome(assign(request(service('s2'), [SMALL]), book))).toBe('10.0.0.2 of default');
    expect(outcome(assign(request(service('s2'), [SMALL], { now: NOW + 60_000 }), book))).toBe('10.0.0.1 of default');
  });

  test('the same Service made again, under another uid, gets its old address back at once', () => {
    const book = rested(NOW + 60_000);
    expect(outcome(assign(request(service('s1', { id: 'uid-new' }), [SMALL]), book))).toBe('10.0.0.1 of default');
  });

  test('somebody who asks for it is told who had it and until when it waits', () => {
    expect(outcome(assign(request(asking('s2', '10.0.0.1'), [SMALL]), rested(NOW + 60_000)))).toBe(
      'ADDRESS_RESTING: 10.0.0.1 was given back by prod/shop/s1 and rests until 2026-01-01T12:01:00Z: wait, or ask for another address',
    );
  });
});

/** The same for the same round (a linear congruential generator). */
function shuffle<T>(items: readonly T[], round: number): T[] {
  let seed = round + 1;
  const keyed = items.map((item) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return { item, key: seed };
  });
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
