import { expect, it } from 'vitest';
import { createCache } from './cache.ts';

function make() {
  const told: string[] = [];
  const cache = createCache<{ value: number }>(
    (key, before, after) => told.push(`${key} ${before?.value ?? '-'}→${after?.value ?? '-'}`),
    () => told.push('synced'),
  );
  return { cache, told };
}

const seen = (value: number, resourceVersion: string) => ({ object: { value }, resourceVersion });

it('tells once of what we wrote ourselves: the echo on the watch is no news', () => {
  const { cache, told } = make();
  cache.replace(new Map([['a', seen(1, '5')]]));
  cache.observe('a', seen(2, '6'));
  cache.change('a', seen(2, '6'));
  expect(told).toEqual(['a -→1', 'synced', 'a 1→2']);
});

it('does not fall back to an older version that comes late', () => {
  const { cache } = make();
  cache.replace(new Map([['a', seen(1, '5')]]));
  cache.observe('a', seen(3, '12'));
  cache.change('a', seen(2, '9'));
  expect(cache.get('a')).toEqual({ value: 3 });
});

it('does not bring back what is gone by the answer to a write', () => {
  const { cache } = make();
  cache.replace(new Map([['a', seen(1, '5')]]));
  cache.change('a', undefined);
  cache.observe('a', seen(2, '6'));
  expect(cache.get('a')).toBeUndefined();
});

it('believes a new list even when its versions are older: the cluster may have been restored', () => {
  const { cache, told } = make();
  cache.replace(
    new Map([
      ['a', seen(1, '50')],
      ['b', seen(1, '51')],
    ]),
  );
  cache.replace(new Map([['a', seen(2, '3')]]));
  expect(told.slice(3)).toEqual(['b 1→-', 'a 1→2']);
});
