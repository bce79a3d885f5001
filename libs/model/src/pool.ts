import type { AddressRange } from './address.ts';
import type { Address } from './address.ts';
import type { Labels } from './load-balancer.ts';

/** Addresses that may be given to load balancers (VipPool) or LB machines (NodeIpPool). */
export interface Pool {
  readonly name: string;
  readonly network: string;
  readonly ranges: readonly AddressRange[];
  readonly exclude: readonly AddressRange[];
  /** False: only for those who ask for it by name or address. */
  readonly autoAssign: boolean;
  /** Lower first. */
  readonly priority: number;
  /** Who may use it; empty: every cluster. */
  readonly clusters: readonly string[];
  readonly namespaceSelector: Labels;
  readonly serviceSelector: Labels;
  /** How long a freed address waits before somebody else gets it. */
  readonly quarantineMs: number;
  readonly reservations: readonly Reservation[];
  /** Who may share an address by a sharing key: load balancers of one namespace, or of any of one cluster. */
  readonly sharing: 'namespace' | 'cluster';
}

/** An address kept for one load balancer, whether it exists or not. */
export interface Reservation {
  readonly address: Address;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
}
