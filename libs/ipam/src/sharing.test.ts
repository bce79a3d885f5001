import { address } from '@fairlead/model';
import type { Pool } from '@fairlead/model';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressBook, mayShare } from './address-book.ts';
import { assign } from './assign.ts';
import type { AssignRequest } from './assign.ts';
import type { Wanted } from './permission.ts';
import { shareOf } from './sharing.ts';
import { pool as poolOf, service } from './testing/pools.ts';

const NOW = 1_000;
const REST = 300;

/** A pool whose addresses rest for {@link REST} ms. */
function pool(ranges: string, more: Partial<Pool> = {}): Pool {
  return poolOf('default', ranges, { quarantineMs: REST, ...more });
}

function wish(name: string, port: number, more: Partial<Wanted> = {}): Wanted {
  return service(name, { ports: [{ protocol: 'TCP', port }], sharingKey: 'web', ...more });
}

const alone = (name: string, port: number, more: Partial<Wanted> = {}): Wanted => {
  const { sharingKey: _, ...rest } = wish(name, port, more);
  return rest;
};

/** Those named, each granted before the next one asks. */
function bookOf(pools: readonly Pool[], ...wishes: Wanted[]): AddressBook {
  const book = new AddressBook();
  for (const each of wishes) if (typeof take(book, pools, each) !== 'string') throw new Error('not granted');
  return book;
}

function ask(book: AddressBook, pools: readonly Pool[], wanted: Wanted, more: Partial<AssignRequest> = {}) {
  const set = { name: 'set', vipPools: pools.map(({ name }) => name) };
  return assign({ wanted, set, pools, occupied: [], now: NOW, ...more }, book);
}

/** Takes what is granted; the address, or the refusal. */
function take(book: AddressBook, pools: readonly Pool[], wanted: Wanted, now = NOW) {
  const outcome = ask(book, pools, wanted, { now });
  if (!outcome.ok) return outcome.refusal;
  for (const gone of outcome.released) book.release(gone, now + REST, wanted.id);
  const share = shareOf(wanted);
  for (const { address: given } of outcome.addresses) {
    book.hold({ address: given, holder: wanted, since: now, ...(share ? { share } : {}) });
  }
  return outcome.addresses[0]!.address;
}

const POOL = pool('10.0.0.1-10.0.0.3');
const at = (text: string) => ({ wantedAddresses: [address(text)] });

describe('with a sharing key', () => {
  test.each<[string, readonly Wanted[], Wanted, string]>([
    ['the first gets an address as anybody', [alone('x', 80)], wish('a', 80), '10.0.0.2'],
    ['the next joins it on another port', [wish('a', 80)], wish('b', 443), '10.0.0.1'],
    [
      'the same port of another protocol is another port',
      [wish('a', 53)],
      wish('b', 53, { ports: [{ protocol: 'UDP', port: 53 }] }),
      '10.0.0.1',
    ],
    ['another key is another address', [wish('a', 80)], wish('b', 443, { sharingKey: 'mail' }), '10.0.0.2'],
    ['another namespace is another address', [wish('a', 80)], wish('b', 443, { namespace: 'dev' }), '10.0.0.2'],
    ['another cluster is another address', [wish('a', 80)], wish('b', 443, { cluster: 'test' }), '10.0.0.2'],
    [
      'one that is asked for by address is joined',
      [alone('x', 80), wish('a', 80)],
      wish('b', 443, at('10.0.0.2')),
      '10.0.0.2',
    ],
    [
      'the address asked for is given, whoever shares another',
      [wish('a', 80)],
      wish('b', 443, at('10.0.0.3')),
      '10.0.0.3',
    ],
    [
      'of two addresses with the key the one with room is joined',
      [wish('a', 80), wish('b', 443, at('10.0.0.3'))],
      wish('c', 80),
      '10.0.0.3',
    ],
  ])('%s', (_what, there, wanted, expected) => {
    expect(take(bookOf([POOL], ...there), [POOL], wanted)).toBe(expected);
  });

  test('other namespaces join where the pool lets them', () => {
    const open = pool('10.0.0.1-10.0.0.3', { sharing: 'cluster' });
    expect(take(bookOf([open], wish('a', 80)), [open], wish('b', 443, { namespace: 'dev' }))).toBe('10.0.0.1');
  });

  test.each<[string, readonly Wanted[], Wanted, RegExp]>([
    [
      'a port that is taken',
      [wish('a', 80)],
      wish('b', 80),
      /^ADDRESS_PORT_TAKEN: .*TCP\/80 of 10\.0\.0\.1 is taken by prod\/shop\/a/,
    ],
    [
      'an address held alone',
      [alone('a', 80)],
      wish('b', 443, at('10.0.0.1')),
      /^ADDRESS_HELD: .*prod\/shop\/a, which does not have the same sharing key/,
    ],
    [
      'an address held under another key',
      [wish('a', 80, { sharingKey: 'x' })],
      wish('b', 443, at('10.0.0.1')),
      /^ADDRESS_HELD: .*the same sharing key/,
    ],
    [
      'an address of another namespace',
      [wish('a', 80)],
      wish('b', 443, { namespace: 'dev', ...at('10.0.0.1') }),
      /^ADDRESS_HELD: .*another namespace.*spec\.sharing/,
    ],
    [
      'an address of another cluster',
      [wish('a', 80)],
      wish('b', 443, { cluster: 'test', ...at('10.0.0.1') }),
      /^ADDRESS_HELD: .*prod\/shop\/a: ask/,
    ],
    [
      'a shared address without a key',
      [wish('a', 80)],
      alone('b', 443, at('10.0.0.1')),
      /^ADDRESS_HELD: .*prod\/shop\/a: ask/,
    ],
    [
      'the change to a port that is taken',
      [wish('a', 80), wish('b', 443)],
      wish('b', 80),
      /^ADDRESS_PORT_TAKEN: .*prod\/shop\/a/,
    ],
    [
      'to leave the others and keep the address',
      [wish('a', 80), wish('b', 443)],
      alone('b', 443),
      /^ADDRESS_SHARED: .*shared with prod\/shop\/a: keep the sharing key/,
    ],
    [
      'another key while others share the address',
      [wish('a', 80), wish('b', 443)],
      wish('a', 80, { sharingKey: 'x' }),
      /^ADDRESS_SHARED: .*prod\/shop\/b/,
    ],
  ])('is refused: %s', (_what, there, wanted, why) => {
    const outcome = take(bookOf([POOL], ...there), [POOL], wanted);
    expect(typeof outcome === 'string' ? outcome : `${outcome.reason}: ${outcome.message}`).toMatch(why);
  });

  test('who has an address of its own keeps it when it gets a key, loses it, or gets another', () => {
    const book = bookOf([POOL], wish('a', 80), alone('b', 80));
    for (const next of [wish('b', 80), wish('b', 80, { sharingKey: 'x' }), alone('b', 80)]) {
      expect(take(book, [POOL], next)).toBe('10.0.0.2');
    }
  });

  test('optional families are no way round a collision: what is lacking would keep the shared address', () => {
    const pools = [POOL, { ...pool('fd00::1-fd00::3'), name: 'six' }];
    const both = { families: ['ipv4', 'ipv6'] as const, familiesOptional: true as const };
    const book = bookOf(pools, wish('a', 80), wish('b', 443, both));
    expect(take(book, pools, wish('b', 80, both))).toMatchObject({ message: expect.stringContaining('prod/shop/a') });
    expect(book.addressesOf('uid-b')).toEqual(['10.0.0.1', 'fd00::1']);
  });

  test('a rule of the pool that comes later moves nobody, and lets nobody else in', () => {
    const before = pool('10.0.0.1-10.0.0.3', { sharing: 'cluster' });
    const book = bookOf([before], wish('a', 80), wish('b', 443, { namespace: 'dev' }));
    expect(take(book, [POOL], wish('b', 444, { namespace: 'dev' }))).toBe('10.0.0.1');
    expect(take(book, [POOL], wish('c', 22, { namespace: 'dev' }))).toBe('10.0.0.2');
  });

  test('a shared address counts once against the quota', () => {
    const book = bookOf([POOL], wish('a', 80));
    expect(ask(book, [POOL], wish('b', 443), { quota: 1 }).ok).toBe(true);
    take(book, [POOL], wish('b', 443));
    expect(book.countOf('prod')).toBe(1);
    expect(ask(book, [POOL], wish('c', 443, { sharingKey: 'x' }), { quota: 1 }).ok).toBe(false);
  });
});

const step = fc.record({
  kind: fc.constantFrom('ensure', 'ensure', 'ensure', 'ensure', 'delete', 'wait'),
  who: fc.nat(7),
  key: fc.constantFrom(undefined, 'x', 'x', 'x', 'y'),
  ports: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 2 }),
  asked: fc.option(fc.nat(3), { nil: undefined, freq: 4 }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What comes and goes, and what is wrong after each step. */
class World {
  readonly seen = { shared: 0, taken: 0, freed: 0, kept: 0 };
  readonly #book = new AddressBook();
  readonly #pools: readonly Pool[];
  #now = 0;

  constructor(sharing: Pool['sharing']) {
    this.#pools = [pool('10.0.0.0-10.0.0.3', { sharing })];
  }

  take(each: Step): string[] {
    this.#now += each.kind === 'wait' ? 200 : 1;
    const wrong = each.kind === 'delete' ? this.#delete(each.who) : each.kind === 'ensure' ? this.#ensure(each) : [];
    return [...wrong, ...this.#wrongNow()];
  }

  #delete(who: number): string[] {
    const id = `uid-s${who}`;
    return this.#book.addressesOf(id).flatMap((held) => {
      const others = this.#book.holdingsOf(held).length - 1;
      this.#book.release(held, this.#now + REST, id);
      this.seen[others > 0 ? 'kept' : 'freed'] += 1;
      const rests = this.#book.restOf(held) !== undefined;
      return rests === (others === 0) ? [] : [`${held} ${rests ? 'rests' : 'does not rest'} with ${others} left`];
    });
  }

  #ensure({ who, key, ports, asked }: Step): string[] {
    const more = {
      namespace: who % 2 === 0 ? 'even' : 'odd',
      ports: ports.map((port) => ({ protocol: 'TCP' as const, port: port + 1 })),
      ...(asked === undefined ? {} : at(`10.0.0.${asked}`)),
    };
    const wanted = key === undefined ? alone(`s${who}`, 0, more) : wish(`s${who}`, 0, { ...more, sharingKey: key });
    const before = this.#book.addressesOf(wanted.id);
    const outcome = take(this.#book, this.#pools, wanted, this.#now);
    if (typeof outcome === 'string') {
      if (this.#book.holdingsOf(outcome).length > 1) this.seen.shared += 1;
      const moved = asked === undefined && before.length > 0 && before[0] !== outcome;
      return moved ? [`moved from ${before.join()} to ${outcome}`] : [];
    }
    const kept = this.#book.addressesOf(wanted.id).join() === before.join();
    return [...(kept ? [] : ['a refusal took its address']), ...this.#wronglyRefused(wanted, outcome)];
  }

  #wronglyRefused(wanted: Wanted, { reason, message }: { reason: string; message: string }): string[] {
    if (reason !== 'ADDRESS_PORT_TAKEN') return [];
    this.seen.taken += 1;
    const [, port = '', where = '', name] = /port (TCP\/\d+) of (\S+) is taken by prod\/(\S+),/.exec(message)!;
    const guilty = this.#book
      .holdingsOf(address(where))
      .find(({ holder }) => `${holder.namespace}/${holder.name}` === name);
    const isTrue = guilty?.share?.ports.includes(port) === true && shareOf(wanted)?.ports.includes(port) === true;
    return isTrue ? [] : [`${message}: that is not so`];
  }

  #wrongNow(): string[] {
    const holdings = [...this.#book.holdings()];
    const addresses = new Set(holdings.map((each) => each.address));
    const count = this.#book.countOf('prod');
    const badly = holdings.flatMap((a) =>
      this.#book.holdingsOf(a.address).filter((b) => {
        if (b.holder.id === a.holder.id) return false;
        const apart = this.#pools[0]!.sharing === 'namespace' && a.holder.namespace !== b.holder.namespace;
        return !mayShare(a, b) || apart;
      }),
    );
    return [
      ...badly.map((each) => `${each.holder.name} must not share ${each.address}`),
      ...(count === addresses.size ? [] : [`${count} addresses are counted, ${addresses.size} are held`]),
    ];
  }
}

test('whatever comes and goes: who holds an address together may, nobody is moved, and the last one frees it', () => {
  const seen = { shared: 0, taken: 0, freed: 0, kept: 0 };
  fc.assert(
    fc.property(
      fc.constantFrom('namespace' as const, 'cluster' as const),
      fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }),
      (sharing, steps) => {
        const world = new World(sharing);
        for (const each of steps) expect(world.take(each)).toEqual([]);
        for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += world.seen[key];
      },
    ),
    { numRuns: 200 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(20);
});
