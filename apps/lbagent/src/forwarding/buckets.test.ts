import { address } from '@fairlead/model';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUCKETS, fillBuckets } from './buckets.ts';
import type { Forward } from './types.ts';

const forward = (names: readonly string[], loadBalancerId = 'a'): Forward => ({
  vip: address('10.9.100.1'),
  port: 53,
  loadBalancerId,
  backends: names.map((name, index) => ({ name, address: address(`10.9.2.${index + 1}`), port: 30_053 })),
  draining: [],
});
const namesIn = (names: readonly string[], id?: string): readonly string[] =>
  fillBuckets(forward(names, id)).map(({ name }) => name);
const FIVE = ['n1', 'n2', 'n3', 'n4', 'n5'];

describe('fillBuckets', () => {
  it('moves the buckets of a backend that leaves, and no others', () => {
    const before = namesIn(FIVE);
    const after = namesIn(FIVE.filter((name) => name !== 'n3'));
    const moved = before.filter((name, bucket) => after[bucket] !== name);
    expect(new Set(moved)).toEqual(new Set(['n3']));
    expect(moved).toHaveLength(before.filter((name) => name === 'n3').length);
  });

  it('gives one that comes its share, taken from all', () => {
    const before = namesIn(FIVE);
    const after = namesIn([...FIVE, 'n6']);
    const moved = after.flatMap((name, bucket) => (name === before[bucket] ? [] : [name]));
    expect(new Set(moved)).toEqual(new Set(['n6']));
    expect(moved.length).toBeGreaterThan(BUCKETS.few / 12);
    expect(moved.length).toBeLessThan(BUCKETS.few / 3);
  });

  it('shares out evenly enough', () => {
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      for (const name of FIVE) {
        const share = namesIn(FIVE, id).filter((each) => each === name).length;
        expect(share).toBeGreaterThan(BUCKETS.few / 10);
        expect(share).toBeLessThan((BUCKETS.few * 3) / 10);
      }
    }
  });

  it('leaves nobody without a share among very many', () => {
    const names = Array.from({ length: 250 }, (_, index) => `pod-${index}`);
    const counts = new Map<string, number>();
    for (const name of namesIn(names)) counts.set(name, (counts.get(name) ?? 0) + 1);
    const shares = names.map((name) => counts.get(name) ?? 0);
    expect(Math.min(...shares)).toBeGreaterThan(BUCKETS.many / 250 / 4);
    expect(Math.max(...shares)).toBeLessThan((BUCKETS.many / 250) * 2.5);
  });

  it('shares out otherwise for another load balancer', () => {
    expect(namesIn(FIVE, 'a')).not.toEqual(namesIn(FIVE, 'b'));
  });

  it('is the same on every machine, whatever the order in which backends were told', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,8}$/), { minLength: 1, maxLength: 20 }), (names) => {
        const one = forward(names);
        expect(fillBuckets({ ...one, backends: one.backends.toReversed() })).toEqual(fillBuckets(one));
      }),
    );
  });
});
