import { address, parseRange } from '@fairlead/model';
import type { AddressRange, Pool } from '@fairlead/model';
import type { Holding } from '../address-book.ts';
import type { AssignRequest, Assignment } from '../assign.ts';
import type { Wanted } from '../permission.ts';

export const NOW = Date.parse('2026-01-01T12:00:00Z');

/** Throws for what is no range. */
export function range(text: string): AddressRange {
  const parsed = parseRange(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** A pool open to everybody; `ranges` are parted by commas. */
export function pool(name: string, ranges: string, more: Partial<Pool> = {}): Pool {
  return {
    name,
    network: 'lan',
    ranges: ranges.split(',').map(range),
    exclude: [],
    autoAssign: true,
    priority: 0,
    clusters: [],
    namespaceSelector: {},
    serviceSelector: {},
    quarantineMs: 60_000,
    reservations: [],
    sharing: 'namespace',
    ...more,
  };
}

/** A pool of three addresses. */
export const SMALL = pool('default', '10.0.0.1-10.0.0.3');

/** What the Service `name` of namespace shop in cluster prod wants: one IPv4 address, whichever. */
export function service(name: string, more: Partial<Wanted> = {}): Wanted {
  const who = { id: `uid-${name}`, cluster: 'prod', namespace: 'shop', name };
  return { ...who, labels: {}, namespaceLabels: {}, families: ['ipv4'], wantedAddresses: [], ports: [], ...more };
}

/** The same for a Service that asks for addresses, parted by commas. */
export function asking(name: string, addresses: string, more: Partial<Wanted> = {}): Wanted {
  return service(name, { wantedAddresses: addresses.split(',').map(address), ...more });
}

/** Asks pools that all belong to the load balancer set. */
export function request(wanted: Wanted, pools: readonly Pool[], more: Partial<AssignRequest> = {}): AssignRequest {
  const set = { name: 'default', vipPools: pools.map(({ name }) => name) };
  return { wanted, set, pools, occupied: [], now: NOW, ...more };
}

export function holding(name: string, text: string, more: Partial<Wanted> = {}): Holding {
  return { address: address(text), holder: service(name, more), since: 0 };
}

/** `ADDRESS of POOL` of each address, or `REASON: message` of the refusal. */
export function outcome(assignment: Assignment): string {
  if (!assignment.ok) return `${assignment.refusal.reason}: ${assignment.refusal.message}`;
  return assignment.addresses.map(({ address, pool }) => `${address} of ${pool}`).join(', ');
}
