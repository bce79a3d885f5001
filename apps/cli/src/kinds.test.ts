import { expect, test } from 'vitest';
import { findKind, KINDS, parseSelections, SERVICE } from './kinds.ts';

test('a kind is known by plural, singular and short name, in any case, with its group and with hyphens', () => {
  for (const { kind, plural, singular, short } of [...KINDS, SERVICE]) {
    for (const word of [kind, plural, singular, short, plural.toUpperCase(), `${plural}.fairlead.dev`]) {
      expect(findKind(word).kind).toBe(kind);
    }
  }
  expect(findKind('vip-pools').kind).toBe('VipPool');
  expect(() => findKind('pod')).toThrow('there is no kind "pod"');
});

test('no word means two kinds', () => {
  const words = [...KINDS, SERVICE].flatMap(({ plural, singular, short }) => [plural, singular, short]);
  expect(new Set(words).size).toBe(words.length);
});

test('KIND NAME… and KIND/NAME… say the same; mixing them is refused', () => {
  const read = (...words: string[]) =>
    parseSelections(words).map(({ kind, names }) => `${kind.kind} ${names.join('+')}`);
  expect(read('ma', 'lb-1', 'lb-2')).toEqual(['Machine lb-1+lb-2']);
  expect(read('ma/lb-1', 'cl/prod')).toEqual(['Machine lb-1', 'Cluster prod']);
  expect(read('svc', 'shop/front')).toEqual(['Service shop/front']);
  expect(read('svc/prod/shop/front')).toEqual(['Service prod/shop/front']);
  expect(() => read('ma', 'cl/prod')).toThrow('mixes two ways');
  expect(() => read('ma/')).toThrow('is not KIND/NAME');
});
