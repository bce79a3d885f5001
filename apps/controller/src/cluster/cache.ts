import { isDeepStrictEqual } from 'node:util';
import type { Seen, Sink } from './list-watch.ts';

/** The last known state of every object of one kind. */
export interface Cache<T> extends Sink<T> {
  get(key: string): T | undefined;
  keys(): IterableIterator<string>;
  values(): IterableIterator<T>;
  readonly size: number;
  /** True after the first complete list. */
  readonly synced: boolean;
  /** Takes an object that the API server returned to a write of ours; older than what is known, it is ignored. */
  observe(key: string, seen: Seen<T>): void;
}

/** `before` and `after` differ; undefined: was not there, is not there. */
export type OnChange<T> = (key: string, before: T | undefined, after: T | undefined) => void;

/**
 * Keeps objects by key and tells of those that changed in what is kept of them. What we wrote ourselves is told once:
 * its echo on the watch has the version that is already here.
 */
export function createCache<T>(onChange: OnChange<T>, onSynced: () => void): Cache<T> {
  let entries = new Map<string, Seen<T>>();
  let synced = false;

  function put(key: string, seen: Seen<T>): void {
    const before = entries.get(key);
    if (before !== undefined && isOlder(seen.resourceVersion, before.resourceVersion)) return;
    entries.set(key, seen);
    tell(key, before?.object, seen.object);
  }

  function tell(key: string, before: T | undefined, after: T | undefined): void {
    if (!isDeepStrictEqual(before, after)) onChange(key, before, after);
  }

  return {
    get: (key) => entries.get(key)?.object,
    keys: () => entries.keys(),
    *values() {
      for (const { object } of entries.values()) yield object;
    },
    get size() {
      return entries.size;
    },
    get synced() {
      return synced;
    },
    replace(objects) {
      const previous = entries;
      entries = new Map(objects);
      for (const [key, { object }] of previous) if (!entries.has(key)) tell(key, object, undefined);
      for (const [key, { object }] of entries) tell(key, previous.get(key)?.object, object);
      if (synced) return;
      synced = true;
      onSynced();
    },
    change(key, seen) {
      if (seen !== undefined) return put(key, seen);
      const before = entries.get(key);
      entries.delete(key);
      tell(key, before?.object, undefined);
    },
    observe(key, seen) {
      if (entries.has(key)) put(key, seen);
    },
  };
}

/** Versions of one kind are comparable as numbers (Kubernetes API concepts, "Resource versions", since 1.35). */
function isOlder(version: string, than: string): boolean {
  return /^\d+$/.test(version) && /^\d+$/.test(than) && BigInt(version) < BigInt(than);
}
