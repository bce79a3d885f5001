import { nodeCheckBackendName, peersMark } from '@fairlead/haproxy';
import type { Address } from '@fairlead/model';
import type { View } from './advance.ts';
import { linkAddressKey } from '../links/plan.ts';
import type { Observed } from '../plan.ts';
import { changesBetween } from '../wanted/changes.ts';
import type { Wanted } from '../wanted/wanted.ts';

/** What was wanted, what is wanted, and the backends where something is still to be done. */
export interface Wish {
  readonly before: Wanted;
  readonly wanted: Wanted;
  readonly unfinished: ReadonlySet<string>;
}

/** A part of what is wanted and of what is there, to be planned by itself. */
export interface Narrowed {
  readonly wanted: Wanted;
  readonly observed: Observed;
}

/**
 * What differs between two wishes, and what is there of it, with as many free slots as that may take, and what concerns
 * the backends that are `unfinished`. After a pass that left nothing else undone, planning this is planning everything,
 * at a price that does not grow with the site.
 */
export function narrow({ before, wanted, unfinished }: Wish, view: View): Narrowed {
  const changes = changesBetween(before, wanted);
  const keys = new Set(changes.keys);
  if (unfinished.size > 0) {
    for (const [key, backend] of view.worker.services) if (unfinished.has(backend)) keys.add(key);
  }
  const { vips } = changes;
  const marks = wanted.peers ? [peersMark(wanted.peers)] : [];
  return {
    wanted: { ...wanted, services: only(wanted.services, keys), vips: only(wanted.vips, vips) },
    observed: {
      worker: {
        info: view.worker.info,
        backends: only(view.worker.backends, new Set([...backendsFor(keys, view), ...marks, ...unfinished])),
        services: only(view.worker.services, keys),
        quotas: only(view.worker.quotas, keys),
      },
      caught: only(view.caught, keys),
      limits: only(view.limits, keys),
      forwards: only(view.forwards, keys),
      addresses: only(view.addresses, new Set([...vips].flatMap((vip) => placesOf(vip, [before, wanted])))),
    },
  };
}

function backendsFor(keys: ReadonlySet<string>, view: View): ReadonlySet<string> {
  const names = new Set([nodeCheckBackendName('healthz'), nodeCheckBackendName('tcp')]);
  for (const key of keys) {
    const backend = view.worker.services.get(key);
    if (backend !== undefined) names.add(backend);
  }
  for (const free of view.freeSlots.values()) {
    for (const name of lowest(free, keys.size)) names.add(name);
  }
  return names;
}

/** So many of them, those with the lowest numbers at their end. */
function lowest(names: Iterable<string>, count: number): readonly string[] {
  const found: string[] = [];
  if (count === 0) return found;
  for (const name of names) {
    if (found.length === count && !isLower(name, found.at(-1)!)) continue;
    let at = found.length;
    while (at > 0 && isLower(name, found[at - 1]!)) at -= 1;
    found.splice(at, 0, name);
    if (found.length > count) found.pop();
  }
  return found;
}

function isLower(a: string, b: string): boolean {
  return a.length < b.length || (a.length === b.length && a < b);
}

function placesOf(vip: Address, wishes: readonly Wanted[]): readonly string[] {
  return wishes.flatMap(({ vips }) => {
    const found = vips.get(vip);
    return found ? [linkAddressKey(found)] : [];
  });
}

function only<K, T>(map: ReadonlyMap<K, T>, keys: ReadonlySet<K>): Map<K, T> {
  const some = new Map<K, T>();
  for (const key of keys) {
    const value = map.get(key);
    if (value !== undefined) some.set(key, value);
  }
  return some;
}
