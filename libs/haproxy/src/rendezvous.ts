import { hash32 } from './hash.ts';

/**
 * At most `count` of the names, by rendezvous hash over (key, name), in order of name.
 * The same answer on every machine; a name more or less moves only its own share of the keys.
 */
export function pickByRendezvous(key: string, names: readonly string[], count: number): readonly string[] {
  const distinct = [...new Set(names)];
  if (distinct.length <= count) return distinct.sort(byText);
  const scored = distinct.map((name) => ({ name, score: hash32(`${key}\n${name}`) }));
  scored.sort((a, b) => b.score - a.score || byText(a.name, b.name));
  return scored
    .slice(0, count)
    .map((each) => each.name)
    .sort(byText);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
