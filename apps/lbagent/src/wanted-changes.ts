import type { Address } from '@fairlead/model';
import type { Wanted } from './wanted-types.ts';

/** Where two wishes may differ; elsewhere they do not. */
export interface Changes {
  /** Keys of services. */
  readonly keys: ReadonlySet<string>;
  readonly vips: ReadonlySet<Address>;
}

const noted = new WeakMap<Wanted, Changes & { readonly before: WeakRef<Wanted> }>();

/** Remembers how one wish came from another, for as long as both are in use. */
export function noteChanges(before: Wanted, wanted: Wanted, { keys, vips }: Changes): void {
  noted.set(wanted, { before: new WeakRef(before), keys, vips });
}

/** Compares them all when it was not noted. */
export function changesBetween(before: Wanted, wanted: Wanted): Changes {
  const known = noted.get(wanted);
  if (known?.before.deref() === before) return known;
  return { keys: differing(before.services, wanted.services), vips: differing(before.vips, wanted.vips) };
}

function differing<K, T>(a: ReadonlyMap<K, T>, b: ReadonlyMap<K, T>): ReadonlySet<K> {
  const keys = new Set<K>();
  if (a === b) return keys;
  for (const [key, value] of a) if (b.get(key) !== value) keys.add(key);
  for (const [key, value] of b) if (a.get(key) !== value) keys.add(key);
  return keys;
}
