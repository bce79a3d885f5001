import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { changedMap, partOf } from './changed-map.ts';
import { differingKeys } from './map-difference.ts';

const key = fc.integer({ min: 0, max: 300 }).map((number) => `10.9.0.${number}|80`);
const changes = fc.array(fc.tuple(key, fc.option(fc.integer(), { nil: undefined })), { maxLength: 20 });

it('reads as a map that was changed does, and what it came from reads as before', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 10 }), (all) => {
      let before: ReadonlyMap<string, number> = new Map();
      for (const some of all.map((each) => new Map(each))) {
        const plain = new Map(before);
        const kept = new Map(before);
        for (const [name, value] of some) {
          if (value === undefined) plain.delete(name);
          else plain.set(name, value);
        }
        const after = changedMap(before, some);
        expect(new Map(before)).toEqual(kept);
        expect(new Map(after)).toEqual(plain);
        expect(after.size).toBe(plain.size);
        expect(new Set(after.keys())).toEqual(new Set(plain.keys()));
        expect(new Set(after.values())).toEqual(new Set(plain.values()));
        for (const name of [...some.keys(), ...plain.keys()]) {
          expect([after.has(name), after.get(name)]).toEqual([plain.has(name), plain.get(name)]);
        }
        expect(differingKeys(before, after)).toEqual(new Set(some.keys()));
        before = after;
      }
    }),
  );
});

it('keys that are much alike are spread, so that no change copies many of them', () => {
  const vips = Array.from({ length: 5_000 }, (_, index) => `10.9.${100 + (index >> 8)}.${index & 255}`);
  for (const keys of [vips, vips.map((vip) => `${vip}|80`), vips.map((_, index) => `prod/default/web-${index}`)]) {
    const parts = Object.groupBy(keys, (name) => String(partOf(name)));
    const largest = Math.max(...Object.values(parts).map((part) => part!.length));
    expect(largest).toBeLessThan(500);
  }
});
