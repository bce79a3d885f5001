import { address, parseRange } from '@fairlead/model';
import type { AddressRange, Pool } from '@fairlead/model';
import { describe, expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import type { Holding } from './address-book.ts';
import { assign } from './assign.ts';
import type { AssignRequest, Assignment } from './assign.ts';
import type { Wanted } from './permission.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');

function range(text: string): AddressRange {
  const parsed = parseRange(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function pool(name: string, ranges: string, more: Partial<Pool> = {}): Pool {
  const rules = {
    exclude: [],
    autoAssign: true,
    priority: 0,
    clusters: [],
    namespaceSelector: {},
    serviceSelector: {},
  };
  const parsed = ranges.split(',').map(range);
  return {
    name,
    network: 'lan',
    ranges: parsed,
    ...rules,
    quarantineMs: 60_000,
    reservations: [],
    sharing: 'namespace',
    ...more,
  };
}

function service(name: string, more: Partial<Wanted> = {}): Wanted {
  const who = { id: `uid-${name}`, cluster: 'prod', namespace: 'shop', name };
  return { ...who, labels: {}, namespaceLabels: {}, families: ['ipv4'], wantedAddresses: [], ports: [], ...more };
}

function request(wanted: Wanted, pools: readonly Pool[], more: Partial<AssignRequest> = {}): AssignRequest {
  const set = { name: 'default', vipPools: pools.map(({ name }) => name) };
  return { wanted, set, pools, occupied: [], now: NOW, ...more };
}

function holding(name: string, text: string, more: Partial<Wanted> = {}): Holding {
  return { address: address(text), holder: service(name, more), since: 0 };
}

function asking(name: string, text: string, more: Partial<Wanted> = {}): Wanted {
  return service(name, { wantedAddresses: text.split(',').map(address), ...more });
}

/** Address and pool, or the refusal's reason and message. */
function outcome(assignment: Assignment): string {
  if (!assignment.ok) return `${assignment.refusal.reason}: ${assignment.refusal.message}`;
  return assignment.addresses.map(({ address, pool }) => `${address} of ${pool}`).join(', ');
}

const small = pool('default', '10.0.0.1-10.0.0.3');

describe('an address of its own', () => {
  test('the lowest free address of the first pool by priority, then name', () => {
    const pools = [pool('b', '10.0.2.0/24'), pool('a', '10.0.1.0/24'), pool('first', '10.0.3.0/24', { priority: -1 })];
    expect(outcome(assign(request(service('s1'), pools), new AddressBook()))).toBe('10.0.3.0 of first');
    expect(outcome(assign(request(service('s1'), pools.slice(0, 2)), new AddressBook()))).toBe('10.0.1.0 of a');
  });

  test('a gap is filled before the end is reached', () => {
    const book = new AddressBook([holding('s1', '10.0.0.1'), holding('s3', '10.0.0.3')]);
    expect(outcome(assign(request(service('s2'), [small]), book))).toBe('10.0.0.2 of default');
  });

  test('asking again gives the same address and nothing to release', () => {
    const book = new AddressBook([holding('s0', '10.0.0.1'), holding('s1', '10.0.0.3')]);
    book.release(address('10.0.0.1'));
    const again = assign(request(service('s1'), [small]), book);
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
    expect(outcome(assign(request(service('s1'), [small]), book))).toMatch(
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

describe('asking for an address', () => {
  test('is granted when it is free', () => {
    expect(outcome(assign(request(asking('s1', '10.0.0.2'), [small]), new AddressBook()))).toBe('10.0.0.2 of default');
  });

  test("s2 can't grab s1's address", () => {
    const book = new AddressBook([holding('s1', '10.0.0.2')]);
    expect(outcome(assign(request(asking('s2', '10.0.0.2'), [small]), book))).toBe(
      'ADDRESS_HELD: 10.0.0.2 is held by prod/shop/s1: ask for another address, or delete that one first',
    );
  });

  test('moves a Service that held another one, which is released in the same step', () => {
    const book = new AddressBook([holding('s1', '10.0.0.1')]);
    const moved = assign(request(asking('s1', '10.0.0.2'), [small]), book);
    expect(outcome(moved)).toBe('10.0.0.2 of default');
    expect(moved).toMatchObject({ released: ['10.0.0.1'] });
  });

  test.each([
    ['10.0.0.9', {}, 'ADDRESS_OUTSIDE_POOLS: 10.0.0.9 is in no pool: ask for an address of one (pools here: default)'],
    [
      'fd00::1',
      {},
      'ADDRESS_FAMILY_MISMATCH: fd00::1 is an IPv6 address, but only IPv4 is asked for: ask for an address of that family',
    ],
    [
      '10.0.0.1,10.0.0.2',
      {},
      'ADDRESS_FAMILY_MISMATCH: 10.0.0.1 and 10.0.0.2 are asked for: at most one IPv4 address can be given',
    ],
    [
      '10.0.0.2',
      { exclude: [range('10.0.0.2')] },
      'ADDRESS_EXCLUDED: 10.0.0.2 is excluded from pool default: ask for another address',
    ],
    [
      '10.0.0.2',
      { clusters: ['test'] },
      'ADDRESS_NOT_ALLOWED: 10.0.0.2 is in pool default, which is only for cluster test: ask for an address of another pool',
    ],
    [
      '10.0.0.2',
      { namespaceSelector: { team: 'web' } },
      'ADDRESS_NOT_ALLOWED: 10.0.0.2 is in pool default, which is only for namespaces labelled team=web: ask for an address of another pool',
    ],
    [
      '10.0.0.2',
      { serviceSelector: { tier: 'a' } },
      'ADDRESS_NOT_ALLOWED: 10.0.0.2 is in pool default, which is only for Services labelled tier=a: ask for an address of another pool',
    ],
    [
      '10.0.0.2',
      { reservations: [{ address: address('10.0.0.2'), cluster: 'prod', namespace: 'shop', name: 'front' }] },
      'ADDRESS_RESERVED: 10.0.0.2 is reserved for prod/shop/front in pool default: ask for another address',
    ],
  ] as const)('%s is refused: %#', (text, rules: Partial<Pool>, message) => {
    const assignment = assign(request(asking('s1', text), [{ ...small, ...rules }]), new AddressBook());
    expect(outcome(assignment)).toBe(message);
    expect(assignment).toMatchObject({ refusal: { field: 'wantedAddresses' } });
  });

  test("an LB machine's own address is refused and says whose it is", () => {
    const occupied = [{ range: range('10.0.0.20'), by: 'the address of machine lb-1' }];
    expect(outcome(assign(request(asking('s1', '10.0.0.20'), [small], { occupied }), new AddressBook()))).toBe(
      'ADDRESS_OCCUPIED: 10.0.0.20 is the address of machine lb-1: ask for another address',
    );
  });

  test('a pool that does not give by itself gives to those who ask', () => {
    const manual = { ...small, autoAssign: false };
    expect(outcome(assign(request(asking('s1', '10.0.0.2'), [manual]), new AddressBook()))).toBe('10.0.0.2 of default');
    expect(outcome(assign(request(service('s1', { pool: 'default' }), [manual]), new AddressBook()))).toBe(
      '10.0.0.1 of default',
    );
    expect(outcome(assign(request(service('s1'), [manual]), new AddressBook()))).toBe(
      'NO_POOL: no free IPv4 address for prod/shop/s1: pool default gives addresses only to those who ask for it by name. Make a pool that it may use, or open one of these',
    );
  });

  test('an address of another pool than the one named is refused', () => {
    const pools = [small, pool('other', '10.0.1.0/30')];
    expect(outcome(assign(request(asking('s1', '10.0.1.1', { pool: 'default' }), pools), new AddressBook()))).toBe(
      'ADDRESS_NOT_IN_POOL: 10.0.1.1 is in pool other, but pool default is asked for: make the two agree',
    );
  });
});

describe('asking for a pool', () => {
  test('one that does not exist is refused and the ones that do are named', () => {
    expect(outcome(assign(request(service('s1', { pool: 'gold' }), [small]), new AddressBook()))).toBe(
      'POOL_UNKNOWN: there is no pool gold: name one that exists (there is default)',
    );
  });

  test('one that the machines cannot announce is refused', () => {
    const pools = [small, pool('far', '10.0.9.0/30')];
    const set = { name: 'edge', vipPools: ['default'] };
    expect(outcome(assign(request(service('s1', { pool: 'far' }), pools, { set }), new AddressBook()))).toBe(
      'POOL_NOT_ALLOWED: pool far is not among the vipPools of load balancer set edge: name another pool, or none',
    );
  });

  test('another one than it has moves the Service', () => {
    const pools = [small, pool('gold', '10.0.1.0/30')];
    const book = new AddressBook([holding('s1', '10.0.0.2')]);
    const moved = assign(request(service('s1', { pool: 'gold' }), pools), book);
    expect(outcome(moved)).toBe('10.0.1.0 of gold');
    expect(moved).toMatchObject({ released: ['10.0.0.2'] });
  });

  test('the rules for Services do not bind what an operator declares with the pool named, and do bind it without', () => {
    const web = pool('web', '10.0.0.1-10.0.0.3', { clusters: ['prod'], namespaceSelector: { team: 'web' } });
    const plain = service('registry', { cluster: '', namespace: '' });
    expect(outcome(assign(request({ ...plain, pool: 'web' }, [web]), new AddressBook()))).toBe('10.0.0.1 of web');
    expect(outcome(assign(request(plain, [web]), new AddressBook()))).toMatch(/^NO_POOL/);
    const controlPlane = { ...plain, cluster: 'test', pool: 'web' };
    expect(outcome(assign(request(controlPlane, [web]), new AddressBook()))).toMatch(/only for cluster prod/);
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
    expect(outcome(assign(request(service('s2'), [small]), book))).toBe('10.0.0.2 of default');
    expect(outcome(assign(request(service('s2'), [small], { now: NOW + 60_000 }), book))).toBe('10.0.0.1 of default');
  });

  test('the same Service made again, under another uid, gets its old address back at once', () => {
    const book = rested(NOW + 60_000);
    expect(outcome(assign(request(service('s1', { id: 'uid-new' }), [small]), book))).toBe('10.0.0.1 of default');
  });

  test('somebody who asks for it is told who had it and until when it waits', () => {
    expect(outcome(assign(request(asking('s2', '10.0.0.1'), [small]), rested(NOW + 60_000)))).toBe(
      'ADDRESS_RESTING: 10.0.0.1 was given back by prod/shop/s1 and rests until 2026-01-01T12:01:00Z: wait, or ask for another address',
    );
  });
});

describe('exhaustion', () => {
  test('names each pool tried and why it gave nothing', () => {
    const pools = [
      pool('default', '10.0.0.1-10.0.0.3', { reservations: [{ ...service('kept'), address: address('10.0.0.3') }] }),
      pool('asked', '10.0.1.0/30', { autoAssign: false }),
      pool('test', '10.0.2.0/30', { clusters: ['test', 'dev'] }),
      pool('six', 'fd00::/64'),
      pool('web', '10.0.3.0/30', { namespaceSelector: { team: 'web' } }),
    ];
    const book = new AddressBook([holding('s1', '10.0.0.1'), holding('s2', '10.0.0.2')]);
    book.release(address('10.0.0.2'), NOW + 5_000);
    expect(outcome(assign(request(service('s3'), pools), book))).toBe(
      'POOL_EXHAUSTED: no free IPv4 address for prod/shop/s3: pool asked gives addresses only to those who ask for it by name; ' +
        'pool default is full (1 held, 1 reserved, 1 resting, the next until 2026-01-01T12:00:05Z); pool six has no IPv4 range; ' +
        'pool test is only for clusters dev, test; pool web is only for namespaces labelled team=web. ' +
        'Widen a pool, or delete a load balancer that is not needed',
    );
  });

  test('a second pool is used when the first is full', () => {
    const pools = [pool('a', '10.0.0.1'), pool('b', '10.0.1.1')];
    const book = new AddressBook([holding('s1', '10.0.0.1')]);
    expect(outcome(assign(request(service('s2'), pools), book))).toBe('10.0.1.1 of b');
  });

  test('without any pool it says so', () => {
    expect(outcome(assign(request(service('s1'), []), new AddressBook()))).toBe(
      'NO_POOL: no free IPv4 address for prod/shop/s1: there is no pool. Make a pool that it may use, or open one of these',
    );
  });
});

describe('quota', () => {
  const book = new AddressBook([holding('s1', '10.0.0.1'), holding('other', '10.0.0.2', { cluster: 'test' })]);

  test('a cluster gets no more addresses than it may have, other clusters do not count', () => {
    expect(outcome(assign(request(service('s2'), [small], { quota: 1 }), book))).toBe(
      'QUOTA_EXCEEDED: cluster prod holds 1 addresses and may hold 1: raise quota.addresses of Cluster prod, or delete a load balancer that is not needed',
    );
    expect(outcome(assign(request(service('s2'), [small], { quota: 2 }), book))).toBe('10.0.0.3 of default');
  });

  test('who has an address keeps it, and may swap it, when the quota was lowered', () => {
    expect(outcome(assign(request(service('s1'), [small], { quota: 0 }), book))).toBe('10.0.0.1 of default');
    expect(outcome(assign(request(asking('s1', '10.0.0.3'), [small], { quota: 0 }), book))).toBe('10.0.0.3 of default');
  });
});

describe('families', () => {
  const both = pool('dual', '10.0.0.1-10.0.0.3,fd00::/64');

  test('one address of each family asked for, in that order', () => {
    const wanted = service('s1', { families: ['ipv6', 'ipv4'] });
    expect(outcome(assign(request(wanted, [both]), new AddressBook()))).toBe('fd00:: of dual, 10.0.0.1 of dual');
  });

  test('all of them or none', () => {
    const wanted = service('s1', { families: ['ipv4', 'ipv6'] });
    expect(outcome(assign(request(wanted, [small]), new AddressBook()))).toMatch(/^NO_POOL: no free IPv6 address/);
  });

  describe('that are optional', () => {
    const both = (more: Partial<Wanted> = {}) =>
      service('s1', { families: ['ipv4', 'ipv6'], familiesOptional: true, ...more });

    test('are all given when they can be', () => {
      const given = assign(request(both(), [small, pool('six', 'fd00::1-fd00::9')]), new AddressBook());
      expect(outcome(given)).toBe('10.0.0.1 of default, fd00::1 of six');
      expect(given).not.toHaveProperty('lacking');
    });

    test('are given as far as they can be, and what is lacking is told with its reason', () => {
      const given = assign(request(both(), [small]), new AddressBook());
      expect(outcome(given)).toBe('10.0.0.1 of default');
      expect(given).toMatchObject({
        lacking: { reason: 'NO_POOL', message: expect.stringMatching(/^no free IPv6 address for prod\/shop\/s1/) },
      });
    });

    test('are refused when none can be had, each with its reason', () => {
      const book = new AddressBook(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((text, n) => holding(`h${n}`, text)));
      expect(outcome(assign(request(both(), [small]), book))).toMatch(
        /^POOL_EXHAUSTED: no free IPv4 address .*; no free IPv6 address /,
      );
    });

    test('keep an address that somebody has already when the one now asked for cannot be had', () => {
      const book = new AddressBook([holding('s1', 'fd00::1'), holding('other', 'fd00::2')]);
      const wanted = both({ wantedAddresses: [address('fd00::2')] });
      const given = assign(request(wanted, [small, pool('six', 'fd00::1-fd00::9')]), book);
      expect(outcome(given)).toBe('10.0.0.1 of default');
      expect(given).toMatchObject({ released: [], lacking: { reason: 'ADDRESS_HELD' } });
    });

    test('within a quota with room for one are one, the first or the one it has', () => {
      const pools = [small, pool('six', 'fd00::1-fd00::9')];
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
    const pools = [small, pool('six', 'fd00::1-fd00::9')];
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
    const before = performance.now();
    for (let round = 0; round < 100; round += 1) {
      expect(outcome(assign(request(wanted, [both]), book))).toBe('fd00::1388 of dual');
    }
    expect((performance.now() - before) / 100).toBeLessThan(5);
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
