import { mapKey, type ObservedServer, type ServerRow, type WorkerInfo } from '@fairlead/haproxy';
import { limitedService, type View } from './advance.ts';
import type { ObservedForward } from '../forwarding/types.ts';
import { ownedInstances } from '../keepalived/state.ts';
import { linkAddressKey } from '../links/plan.ts';
import type { LinksObserved } from '../links/types.ts';
import type { CaughtPort, Limit } from '../nftables/types.ts';
import { differs } from './limits.ts';

/** What is really there, in the form in which it is read. */
export interface Surveyed {
  readonly info: WorkerInfo;
  /** Those of a backend together. */
  readonly servers: Iterable<ServerRow>;
  readonly services: ReadonlyMap<string, string>;
  readonly quotas: ReadonlyMap<string, string>;
  readonly caught: readonly CaughtPort[];
  readonly limits: readonly Limit[];
  readonly forwards: readonly ObservedForward[];
  readonly links: LinksObserved;
}

/**
 * The first thing found that is not as the view has it, as a few words; undefined when there is none. What the view
 * counts as touched is left out: nobody knows whether it was seen before or after that. Pauses again and again.
 */
export function* findDifference(view: View, seen: Surveyed): Generator<void, string | undefined> {
  if (seen.info.pid !== view.worker.info.pid) return 'another worker';
  return (
    (yield* differenceOfServers(view, seen)) ??
    (yield* differenceOfServices(view, seen)) ??
    (yield* differenceOfCaught(view, seen)) ??
    (yield* differenceOfLimits(view, seen)) ??
    (yield* differenceOfForwards(view, seen)) ??
    (yield* differenceOfLinks(view, seen))
  );
}

function* differenceOfServers(view: View, { servers }: Surveyed): Generator<void, string | undefined> {
  const counts = new Map<string, number>();
  for (const { backend, server } of servers) {
    counts.set(backend, (counts.get(backend) ?? 0) + 1);
    const known = view.worker.backends.get(backend)?.servers.get(server.name);
    if (!(known && sameServer(known, server)) && !view.touched.has(backend)) return `server ${backend}/${server.name}`;
    yield;
  }
  for (const [name, { servers: known }] of view.worker.backends) {
    if (known.size !== (counts.get(name) ?? 0) && !view.touched.has(name)) return `backend ${name}`;
    yield;
  }
  return undefined;
}

function sameServer(a: ObservedServer, b: ObservedServer): boolean {
  return (
    a.id === b.id &&
    a.address === b.address &&
    a.port === b.port &&
    a.maintenance === b.maintenance &&
    a.up === b.up &&
    a.checked === b.checked
  );
}

function* differenceOfServices(view: View, { services, quotas }: Surveyed): Generator<void, string | undefined> {
  const known = view.worker.services;
  for (const key of keysOf(known, services)) {
    const same = known.get(key) === services.get(key) && view.worker.quotas.get(key) === quotas.get(key);
    if (!same && !view.touched.has(key)) return `service ${key}`;
    yield;
  }
  return undefined;
}

function* differenceOfCaught(view: View, { caught }: Surveyed): Generator<void, string | undefined> {
  const seen = new Map(caught.map((each) => [mapKey(each.address, each.port), each]));
  for (const key of keysOf(view.caught, seen)) {
    if (view.caught.has(key) !== seen.has(key) && !view.touched.has(key)) return `what is caught: ${key}`;
    yield;
  }
  return undefined;
}

function* differenceOfLimits(view: View, { limits }: Surveyed): Generator<void, string | undefined> {
  const seen = new Map(limits.map((each) => [limitedService(each), each]));
  for (const key of keysOf(view.limits, seen)) {
    if (differs(view.limits.get(key), seen.get(key)) && !view.touched.has(key)) return `who may connect: ${key}`;
    yield;
  }
  return undefined;
}

function* differenceOfForwards(view: View, { forwards }: Surveyed): Generator<void, string | undefined> {
  const seen = new Map(forwards.map((each) => [mapKey(each.vip, each.port, 'UDP'), each]));
  for (const key of keysOf(view.forwards, seen)) {
    if (view.forwards.get(key)?.seal !== seen.get(key)?.seal && !view.touched.has(key)) return `UDP forward ${key}`;
    yield;
  }
  return undefined;
}

function* differenceOfLinks(view: View, { links }: Surveyed): Generator<void, string | undefined> {
  if (JSON.stringify(links.links) !== JSON.stringify(view.links)) return 'links';
  if (ownedInstances(view.config, links).join(' ') !== view.owned.join(' ')) return 'what is owned';
  yield;
  const seen = new Map(links.addresses.map((each) => [linkAddressKey(each), each]));
  for (const key of keysOf(view.addresses, seen)) {
    const [a, b] = [view.addresses.get(key), seen.get(key)];
    const same = a?.ours === b?.ours && a?.prefixLength === b?.prefixLength;
    if (!same && !view.touched.has(key)) return `address ${key}`;
    yield;
  }
  return undefined;
}

/** Each of both, some of them twice. */
function* keysOf(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): Generator<string, void> {
  yield* a.keys();
  for (const key of b.keys()) if (!a.has(key)) yield key;
}
