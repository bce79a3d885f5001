import { noteDifference } from './map-difference.ts';

/**
 * The map with some entries put, or taken out where the value is undefined. What it is made from stays as it is, and most
 * of it is shared: one entry more among thousands costs little. Its order is nobody's. `differingKeys` knows what changed.
 */
export function changedMap<K extends string, T>(
  before: ReadonlyMap<K, T>,
  changes: ReadonlyMap<K, T | undefined>,
): ReadonlyMap<K, T> {
  const after = (before instanceof SharedMap ? (before as SharedMap<K, T>) : SharedMap.of(before)).with(changes);
  noteDifference(before, after, new Set(changes.keys()));
  return after;
}

type Part<K, T> = ReadonlyMap<K, T>;

/** A change copies the parts that it touches. */
const PARTS = 64;

class SharedMap<K extends string, T> implements ReadonlyMap<K, T> {
  readonly size: number;
  readonly #parts: readonly Part<K, T>[];

  private constructor(parts: readonly Part<K, T>[], size: number) {
    this.#parts = parts;
    this.size = size;
  }

  static of<K extends string, T>(entries: ReadonlyMap<K, T>): SharedMap<K, T> {
    const parts = Array.from({ length: PARTS }, () => new Map<K, T>());
    for (const [key, value] of entries) parts[partOf(key)]!.set(key, value);
    return new SharedMap(parts, entries.size);
  }

  with(changes: ReadonlyMap<K, T | undefined>): SharedMap<K, T> {
    const parts = [...this.#parts];
    const fresh = new Map<number, Map<K, T>>();
    let { size } = this;
    for (const [key, value] of changes) {
      const index = partOf(key);
      const part = fresh.get(index) ?? new Map(parts[index]);
      fresh.set(index, part);
      parts[index] = part;
      size -= part.size;
      if (value === undefined) part.delete(key);
      else part.set(key, value);
      size += part.size;
    }
    return new SharedMap(parts, size);
  }

  get(key: K): T | undefined {
    return this.#parts[partOf(key)]!.get(key);
  }

  has(key: K): boolean {
    return this.#parts[partOf(key)]!.has(key);
  }

  *entries(): Generator<[K, T], undefined> {
    for (const part of this.#parts) yield* part;
  }

  *keys(): Generator<K, undefined> {
    for (const part of this.#parts) yield* part.keys();
  }

  *values(): Generator<T, undefined> {
    for (const part of this.#parts) yield* part.values();
  }

  [Symbol.iterator](): Generator<[K, T], undefined> {
    return this.entries();
  }

  forEach(call: (value: T, key: K, map: ReadonlyMap<K, T>) => void): void {
    for (const part of this.#parts) for (const [key, value] of part) call(value, key, this);
  }
}

/** Keys that are much alike (addresses, names with numbers) differ in what they end with. */
const LOOKED_AT = 16;

/** Of which part a key is, 0 to 63. */
export function partOf(key: string): number {
  let sum = 0;
  for (let at = Math.max(0, key.length - LOOKED_AT); at < key.length; at += 1) {
    sum = (Math.imul(sum, 31) + key.charCodeAt(at)) | 0;
  }
  return (sum ^ (sum >>> 12)) & (PARTS - 1);
}
