import { type Address, changedMap, differingKeys, formatEndpoint, noteDifference } from '@fairlead/model';
import type { Wanted, WantedService } from './types.ts';

/**
 * Servers that have not answered yet, by key of their service, each as `placeText`. The set of a service is the same
 * object for as long as it is the same.
 */
export type Awaited = ReadonlyMap<string, ReadonlySet<string>>;

export function placeText({ address, port }: { readonly address: Address; readonly port: number }): string {
  return formatEndpoint(address, port);
}

/**
 * What is wanted of those that have answered: the others are `awaited` instead of `serving`. For wishes that follow each
 * other, so that nobody has to look for what is different.
 */
export function createAwaitedReader(): (wanted: Wanted, awaited: Awaited) => Wanted {
  let last: { readonly wanted: Wanted; readonly awaited: Awaited; readonly read: Wanted } | undefined;
  return (wanted, awaited) => {
    if (last?.wanted === wanted && last.awaited === awaited) return last.read;
    const read = awaited.size === 0 ? wanted : { ...wanted, services: withAwaited(wanted, awaited, last) };
    if (last && read !== last.read) {
      const changed = differingKeys(last.wanted.services, wanted.services);
      const keys = new Set([...changed, ...differing(last.awaited, awaited)]);
      noteDifference(last.read.services, read.services, keys);
    }
    last = { wanted, awaited, read };
    return read;
  };
}

function withAwaited(
  { services }: Wanted,
  awaited: Awaited,
  last: { readonly wanted: Wanted; readonly awaited: Awaited; readonly read: Wanted } | undefined,
): Wanted['services'] {
  const changes = new Map<string, WantedService>();
  for (const [key, places] of awaited) {
    const service = services.get(key);
    if (!service) continue;
    const isSame = last?.wanted.services.get(key) === service && last.awaited.get(key) === places;
    changes.set(key, isSame ? last.read.services.get(key)! : awaiting(service, places));
  }
  return changedMap(services, changes);
}

function awaiting(service: WantedService, places: ReadonlySet<string>): WantedService {
  const servers = service.servers.map((server) =>
    server.stage === 'serving' && places.has(placeText(server)) ? { ...server, stage: 'awaited' as const } : server,
  );
  return { ...service, servers };
}

function differing(before: Awaited, now: Awaited): readonly string[] {
  const keys = [...before.keys()].filter((key) => before.get(key) !== now.get(key));
  for (const key of now.keys()) if (!before.has(key)) keys.push(key);
  return keys;
}
