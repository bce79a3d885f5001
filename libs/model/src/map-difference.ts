type AnyMap = ReadonlyMap<unknown, unknown>;

interface Note {
  readonly before: WeakRef<AnyMap>;
  readonly keys: ReadonlySet<unknown>;
}

const noted = new WeakMap<AnyMap, readonly Note[]>();

/**
 * Remembers that one map came from another and differs from it under these keys at most, for as long as both are in use:
 * so that one entry more among thousands is found without looking at them all.
 */
export function noteDifference<K, T>(before: ReadonlyMap<K, T>, after: ReadonlyMap<K, T>, keys: ReadonlySet<K>): void {
  const others = (noted.get(after) ?? []).filter((note) => note.before.deref() !== before);
  noted.set(after, [...others, { before: new WeakRef(before), keys }]);
}

/** All keys whose values are not the same in both. When the difference was noted, perhaps more; else all are compared. */
export function differingKeys<K, T>(before: ReadonlyMap<K, T>, after: ReadonlyMap<K, T>): ReadonlySet<K> {
  const known = noted.get(after)?.find((note) => note.before.deref() === before);
  // Only what is about the keys of these very maps was noted for them.
  if (known) return known.keys as ReadonlySet<K>;
  const keys = new Set<K>();
  if (before === after) return keys;
  for (const [key, value] of before) if (after.get(key) !== value) keys.add(key);
  for (const [key, value] of after) if (before.get(key) !== value) keys.add(key);
  return keys;
}
