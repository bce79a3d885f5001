import type { Peers, Profile, Quota } from '@fairlead/haproxy';
import {
  type Address,
  type AddressFamily,
  type CheckPace,
  formatEndpoint,
  type Protocol,
  type Refusal,
} from '@fairlead/model';
import type { NodeCheck, NodeCheckChoice } from '../node-checks/choice.ts';

export type { NodeCheck } from '../node-checks/choice.ts';

/** What this machine's data plane should be, whoever owns the addresses. */
export interface Wanted {
  /** By map key (`VIP|port`, for UDP `VIP|port/udp`). */
  readonly services: ReadonlyMap<string, WantedService>;
  /** By `nodeCheckKey`. */
  readonly nodeChecks: ReadonlyMap<string, NodeCheck>;
  /** Keys of those that count as passed, because nobody of the cluster passes. */
  readonly heldChecks: ReadonlySet<string>;
  readonly vips: ReadonlyMap<Address, WantedVip>;
  /** Who shares the memory of clients with this machine; undefined: it is not among the members of its set. */
  readonly peers: Peers | undefined;
  readonly refused: ReadonlyMap<string, Refusal>;
}

export interface WantedService {
  readonly key: string;
  readonly loadBalancerId: string;
  readonly owner: string;
  readonly vip: Address;
  readonly port: number;
  readonly protocol: Protocol;
  readonly profile: Profile;
  /** Of UDP: what is spread over the servers is clients, each with all its flows. Absent: flows. */
  readonly byClient?: true;
  /** Absent: as many connections as come. */
  readonly quota?: Quota;
  readonly servers: readonly WantedServer[];
  /** How long a server that leaves keeps its connections; absent: as this machine thinks fit. */
  readonly drainSeconds?: number;
  /** Clients who may connect, as disjoint CIDRs of the VIP's family; empty: nobody. Absent: everyone. */
  readonly allowed?: readonly string[];
}

export interface WantedServer {
  /** Hash of all that HAProxy fixes when the server is made. */
  readonly id: number;
  /** Node or endpoint name. */
  readonly label: string;
  readonly address: Address;
  readonly port: number;
  readonly check: WantedCheck;
  readonly stage: Stage;
  /** It gets connections whatever its check says: it is known why that fails. */
  readonly lastResort?: true;
  readonly proxyProtocol?: 1 | 2;
}

/**
 * `serving`: gets connections. The others get no new ones: `awaited` none before it has answered, `draining` keeps what
 * it has for as long as it is named so, `leaving` for the drain time of its service.
 */
export type Stage = 'serving' | 'awaited' | 'draining' | 'leaving';

export type WantedCheck =
  | { readonly kind: 'none' }
  | { readonly kind: 'tcp'; readonly pace?: CheckPace }
  | { readonly kind: 'http'; readonly port: number; readonly pace?: CheckPace }
  | { readonly kind: 'node'; readonly check: NodeCheck };

export interface WantedVip {
  readonly address: Address;
  readonly device: string;
  readonly vrrpInstance: string;
  readonly announce: boolean;
}

export const DEFAULT_PEERS_PORT = 7432;

export interface WantedOptions {
  /** Families that this machine has a listener for. */
  readonly families: readonly AddressFamily[];
  /** Absent: DEFAULT_PEERS_PORT. */
  readonly peersPort?: number;
  /** By check group (`checkGroup`); one that is not there is asked by healthz. */
  readonly nodeChecks: ReadonlyMap<string, NodeCheckChoice>;
  /** Check groups of which no node passes. */
  readonly heldClusters: ReadonlySet<string>;
}

export function nodeCheckKey(check: NodeCheck): string {
  return `${check.kind} ${formatEndpoint(check.address, check.port)}`;
}
