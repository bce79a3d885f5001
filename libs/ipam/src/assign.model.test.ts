import { addressFromBigInt, rangeContains } from '@fairlead/model';
import type { Address, AddressRange, Pool } from '@fairlead/model';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';
import { assign } from './assign.ts';
import { poolStatistics } from './statistics.ts';
import { pool, range } from './testing/pools.ts';

const BASE = 0x0a00_0000n;
const QUARANTINE = 300;

const rule = fc.record({
  priority: fc.nat(2),
  autoAssign: fc.boolean(),
  clusters: fc.constantFrom([], ['a'], ['b']),
  exclude: fc.array(fc.nat(4), { maxLength: 2 }),
  reserved: fc.option(fc.tuple(fc.nat(4), fc.nat(11)), { nil: undefined }),
});
type Rule = typeof rule extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  kind: fc.constantFrom('ensure', 'ensure', 'ensure', 'ensure', 'delete', 'delete', 'wait'),
  who: fc.nat(11),
  wish: fc.option(fc.nat(19), { nil: undefined, freq: 3 }),
  ms: fc.nat(400),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('whatever comes and goes: one holder per address, inside its pool, and only what is full is called full', () => {
  const seen = { given: 0, exhausted: 0, refused: 0 };
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 3 }),
      fc.array(step, { minLength: 30, maxLength: 80, size: 'max' }),
      (rules, steps) => {
        const world = new World(rules.map(makePool));
        for (const each of steps) expect(world.take(each)).toEqual([]);
        for (const key of Object.keys(seen) as (keyof typeof seen)[]) seen[key] += world.seen[key];
      },
    ),
    { numRuns: 200 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(100);
});

/** The plainest account of what is held and what rests, beside the book under test. */
class World {
  readonly seen = { given: 0, exhausted: 0, refused: 0 };
  readonly #pools: readonly Pool[];
  readonly #book = new AddressBook();
  readonly #holders = new Map<Address, string>();
  readonly #rests = new Map<Address, { who: number; until: number }>();
  readonly #lives = new Map<number, number>();
  #now = 0;

  constructor(pools: readonly Pool[]) {
    this.#pools = pools;
  }

  /** Does one step and says what is wrong afterwards. */
  take({ kind, who, wish, ms }: Step): string[] {
    if (kind === 'wait') this.#now += ms;
    if (kind === 'delete') {
      for (const address of this.#held(who)) this.#free(address, who);
      this.#lives.set(who, (this.#lives.get(who) ?? 0) + 1);
    }
    const wrong = kind === 'ensure' ? this.#ensure(who, wish) : [];
    return [...wrong, ...this.#pools.flatMap((pool) => this.#miscounted(pool))];
  }

  #ensure(who: number, wish: number | undefined): string[] {
    const id = this.#id(who);
    const asked = wish === undefined ? [] : [addressFromBigInt(BASE + BigInt(wish), 'ipv4')];
    const labels = { labels: {}, namespaceLabels: {}, families: ['ipv4' as const], wantedAddresses: asked, ports: [] };
    const wanted = { id, ...person(who), ...labels };
    const set = { name: 'set', vipPools: this.#pools.map(({ name }) => name) };
    const outcome = assign({ wanted, set, pools: this.#pools, occupied: [], now: this.#now }, this.#book);
    if (!outcome.ok) return this.#judgeRefusal(who, asked, outcome.refusal.reason);

    this.seen.given += 1;
    const { address, pool } = outcome.addresses[0]!;
    const wrong = this.#judgeGiven(who, asked, { address, pool });
    for (const gone of outcome.released) this.#free(gone, who);
    this.#holders.set(address, id);
    this.#rests.delete(address);
    this.#book.hold({ address, holder: wanted, since: this.#now });
    return wrong;
  }

  #judgeGiven(who: number, asked: readonly Address[], given: { address: Address; pool: string }): string[] {
    const { address } = given;
    const mine = this.#held(who);
    const inside = this.#pools.find((pool) => contains(pool.ranges, address));
    const rest = this.#rests.get(address);
    const kept = mine.includes(address);
    return [
      inside?.name === given.pool ? '' : `${address} is not in pool ${given.pool}`,
      (this.#holders.get(address) ?? this.#id(who)) === this.#id(who) ? '' : `${address} has two holders`,
      asked.length === 0 || asked[0] === address ? '' : `asked for ${asked[0]}, got ${address}`,
      asked.length > 0 || mine.length === 0 || kept ? '' : `moved from ${mine.join()} to ${address}`,
      kept || (inside && usable(inside, address, who)) ? '' : `${address} may not be given to ${who}`,
      kept || rest === undefined || rest.who === who || rest.until <= this.#now ? '' : `${address} still rests`,
    ].filter((text) => text !== '');
  }

  #judgeRefusal(who: number, asked: readonly Address[], reason: string): string[] {
    if (reason !== 'POOL_EXHAUSTED' && reason !== 'NO_POOL') {
      this.seen.refused += 1;
      const reserved = this.#pools.some((pool) => pool.reservations.some(({ name }) => name === person(who).name));
      return asked.length > 0 || reserved ? [] : [`${reason} without a wish`];
    }
    this.seen.exhausted += 1;
    return this.#pools
      .flatMap((pool) => this.#freeFor(pool, who))
      .map((address) => `${reason}, but ${address} is free`);
  }

  #miscounted(pool: Pool): string[] {
    const counted = poolStatistics({ pool, occupied: [], now: this.#now }, this.#book);
    const all = addressesOf(pool);
    const held = all.filter((address) => this.#holders.has(address)).length;
    const free = all.filter(
      (address) =>
        !contains(pool.exclude, address) &&
        !pool.reservations.some((kept) => kept.address === address) &&
        !this.#holders.has(address) &&
        (this.#rests.get(address)?.until ?? 0) <= this.#now,
    ).length;
    return [
      counted.held === BigInt(held) ? '' : `${pool.name} counts ${counted.held} held, not ${held}`,
      counted.free === BigInt(free) ? '' : `${pool.name} counts ${counted.free} free, not ${free}`,
    ].filter((text) => text !== '');
  }

  #freeFor(pool: Pool, who: number): Address[] {
    if (!pool.autoAssign) return [];
    return addressesOf(pool).filter((address) => {
      const rest = this.#rests.get(address);
      const rests = rest !== undefined && rest.until > this.#now && rest.who !== who;
      return usable(pool, address, who) && !this.#holders.has(address) && !rests;
    });
  }

  #free(address: Address, who: number): void {
    this.#holders.delete(address);
    this.#rests.set(address, { who, until: this.#now + QUARANTINE });
    this.#book.release(address, this.#now + QUARANTINE);
  }

  #held(who: number): Address[] {
    return [...this.#holders].filter(([, holder]) => holder === this.#id(who)).map(([address]) => address);
  }

  #id(who: number): string {
    return `uid-${who}-${this.#lives.get(who) ?? 0}`;
  }
}

function makePool({ exclude, reserved, ...rules }: Rule, index: number): Pool {
  const at = (offset: number) => addressFromBigInt(BASE + BigInt(index * 6 + offset), 'ipv4');
  return pool(`p${index}`, `${at(0)}-${at(4)}`, {
    ...rules,
    exclude: exclude.map((offset) => range(at(offset))),
    quarantineMs: QUARANTINE,
    reservations: reserved === undefined ? [] : [{ address: at(reserved[0]), ...person(reserved[1]) }],
  });
}

function usable(pool: Pool, address: Address, who: number): boolean {
  if (pool.clusters.length > 0 && !pool.clusters.includes(person(who).cluster)) return false;
  if (contains(pool.exclude, address)) return false;
  return pool.reservations.every((kept) => kept.address !== address || kept.name === person(who).name);
}

/** Looks at every single address, as the code under test must not. */
function addressesOf(pool: Pool): Address[] {
  return pool.ranges.flatMap(({ first, last }) =>
    Array.from({ length: Number(last - first) + 1 }, (_, offset) => addressFromBigInt(first + BigInt(offset), 'ipv4')),
  );
}

function contains(ranges: readonly AddressRange[], address: Address): boolean {
  return ranges.some((range) => rangeContains(range, address));
}

function person(who: number) {
  return { cluster: who % 2 === 0 ? 'a' : 'b', namespace: 'ns', name: `s${who}` };
}
