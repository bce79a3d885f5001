import { expect, it } from 'vitest';
import { pickByRendezvous } from './rendezvous.ts';
import { shuffled } from './testing/shuffled.ts';

const NODES = Array.from({ length: 50 }, (_, index) => `node-${index}`);
const KEYS = Array.from({ length: 500 }, (_, index) => `uid-${index}`);

it('few names are all taken', () => {
  expect(pickByRendezvous('uid', ['b', 'a', 'b'], 16)).toEqual(['a', 'b']);
});

it('the same names in any order are picked the same, on every machine', () => {
  const expected = pickByRendezvous('uid', NODES, 16);
  expect(expected).toHaveLength(16);
  for (let seed = 1; seed <= 100; seed++) {
    expect(pickByRendezvous('uid', shuffled(NODES, seed), 16)).toEqual(expected);
  }
});

it('a node that leaves is replaced only where it was, by one other', () => {
  for (const key of KEYS) {
    const before = pickByRendezvous(key, NODES, 16);
    const after = pickByRendezvous(key, NODES.slice(1), 16);
    const stayed = before.filter((name) => after.includes(name));
    expect(stayed).toHaveLength(before.includes('node-0') ? 15 : 16);
  }
});

it('every node gets about its share', () => {
  const counts = new Map<string, number>();
  for (const key of KEYS) {
    for (const name of pickByRendezvous(key, NODES, 16)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const share = (KEYS.length * 16) / NODES.length;
  for (const count of counts.values()) {
    expect(count).toBeGreaterThan(share * 0.6);
    expect(count).toBeLessThan(share * 1.4);
  }
});
