import { type Address, changedMap, differingKeys, type MachineState } from '@fairlead/model';
import type { Reading } from './load-balancer.ts';
import { type NodeCheck, nodeCheckKey, type Wanted, type WantedService, type WantedVip } from './types.ts';

export type Served = Exclude<Reading, { refused: unknown }>;

/**
 * Who asks for what, counted, so that one load balancer more or less among thousands is read without reading them all.
 * Only for states in which nothing is refused; what may lead to a refusal must be read as a whole.
 */
export interface Tally {
  /** What each load balancer asks for, by id. */
  readonly readings: Map<string, Served>;
  /** How many load balancers have the address. */
  readonly addresses: Map<Address, number>;
  /** How many have a backend there. */
  readonly backends: Map<Address, number>;
  /** How many need the check, by `nodeCheckKey`. */
  readonly checks: Map<string, number>;
}

/** Undefined when something is refused. */
export function tallyOf(readings: readonly { readonly id: string; readonly reading: Reading }[]): Tally | undefined {
  const tally: Tally = { readings: new Map(), addresses: new Map(), backends: new Map(), checks: new Map() };
  for (const { id, reading } of readings) {
    if ('refused' in reading) return undefined;
    count(tally, reading, 1);
    tally.readings.set(id, reading);
  }
  return tally;
}

/** Ids of load balancers that are not the same object in both, or only in one; undefined when there are more than `most`. */
export function changedIds(
  before: MachineState['loadBalancers'],
  now: MachineState['loadBalancers'],
  most: number,
): readonly string[] | undefined {
  const changed = differingKeys(before, now);
  return changed.size > most ? undefined : [...changed];
}

type Parts = Pick<Wanted, 'services' | 'vips' | 'nodeChecks'>;

/**
 * What is wanted after some load balancers changed: `after` has what each asks for now, undefined when it is gone. Changes
 * the tally. Undefined when it must be read as a whole, because one may stand against another: then the tally is spoilt.
 * `own`: addresses of the machines, where no backend may be.
 */
export function carryOn(
  before: Parts,
  tally: Tally,
  after: ReadonlyMap<string, Served | undefined>,
  own: ReadonlySet<Address>,
): Parts | undefined {
  const services = new Map<string, WantedService | undefined>();
  const isTaken = (key: string): boolean =>
    (services.has(key) ? services.get(key) : before.services.get(key)) !== undefined;
  const gone: WantedVip[] = [];
  const come: WantedVip[] = [];
  let nodeChecks: Map<string, NodeCheck> | undefined;
  for (const id of after.keys()) {
    const old = tally.readings.get(id);
    if (!old) continue;
    count(tally, old, -1);
    tally.readings.delete(id);
    for (const { key } of old.services) services.set(key, undefined);
    if (old.vips.some(({ address }) => tally.addresses.has(address))) return undefined;
    gone.push(...old.vips);
  }
  for (const [id, reading] of after) {
    if (!reading) continue;
    if (standsAgainst(reading, { isTaken, tally, own })) return undefined;
    count(tally, reading, 1);
    tally.readings.set(id, reading);
    for (const service of reading.services) services.set(service.key, service);
    come.push(...reading.vips);
    for (const [key, check] of reading.nodeChecks) {
      if (!(nodeChecks ?? before.nodeChecks).has(key)) (nodeChecks ??= new Map(before.nodeChecks)).set(key, check);
    }
  }
  for (const key of before.nodeChecks.keys()) {
    if (!tally.checks.has(key)) (nodeChecks ??= new Map(before.nodeChecks)).delete(key);
  }
  return {
    services: changedMap(before.services, services),
    vips: exchanged(before.vips, gone, come),
    nodeChecks: nodeChecks ?? before.nodeChecks,
  };
}

/** The same map when it comes to the same. */
function exchanged(vips: Wanted['vips'], gone: readonly WantedVip[], come: readonly WantedVip[]): Wanted['vips'] {
  if (JSON.stringify(gone) === JSON.stringify(come)) return vips;
  const changes = new Map<Address, WantedVip | undefined>(gone.map(({ address }) => [address, undefined]));
  for (const vip of come) changes.set(vip.address, vip);
  return changedMap(vips, changes);
}

function standsAgainst(
  reading: Served,
  { isTaken, tally, own }: { isTaken: (key: string) => boolean; tally: Tally; own: ReadonlySet<Address> },
): boolean {
  return (
    reading.services.some(({ key }) => isTaken(key)) ||
    reading.vips.some(({ address }) => tally.addresses.has(address) || tally.backends.has(address)) ||
    [...reading.backends].some(
      (address) =>
        own.has(address) || tally.addresses.has(address) || reading.vips.some((vip) => vip.address === address),
    )
  );
}

function count(tally: Tally, reading: Served, by: 1 | -1): void {
  for (const { address } of reading.vips) add(tally.addresses, address, by);
  for (const address of reading.backends) add(tally.backends, address, by);
  for (const [, check] of reading.nodeChecks) add(tally.checks, nodeCheckKey(check), by);
}

function add<K>(counts: Map<K, number>, key: K, by: 1 | -1): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}
