import { type Address, type AddressFamily, familyOf } from './address.ts';
import type { Affinity, Options } from './options.ts';

/** What should be served at some addresses: a Service, a cluster's control plane, or a static load balancer. */
export interface LoadBalancer {
  /** Service UID, or `static/NAME`, or `control-plane/CLUSTER`. Never reused. */
  readonly id: string;
  /** Empty for a static load balancer. */
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  /** Asked for by the user, at most one per family. */
  readonly wantedAddresses: readonly Address[];
  /** Asked for by name; undefined: any that the owner may use. */
  readonly pool?: string;
  /** One address per family, in this order; at least one. */
  readonly families: readonly AddressFamily[];
  /** A family of which no address can be had is left out, as long as there is one of another. Absent: all or none. */
  readonly familiesOptional?: true;
  readonly ports: readonly Port[];
  readonly labels: Labels;
  readonly namespaceLabels: Labels;
  /** Some backend is known to be ready, so the address is published only once one of them has answered. */
  readonly expectsAnswer?: true;
  /**
   * Who may connect: canonical CIDRs of both families, none twice, in order; at least one. Absent: everyone. An address
   * of a family that is not named is open to nobody.
   */
  readonly sourceRanges?: readonly string[];
  /** Those with the same key may share an address. Absent: the address is its own. */
  readonly sharingKey?: string;
  /** Its backends are pods, by address. Absent: node ports, or what is not in Kubernetes. */
  readonly backendMode?: 'pod';
  /** How long a backend that leaves keeps its connections; absent: as the machine thinks fit. */
  readonly drainTimeoutMs?: number;
  /** Absent: connections of one client are spread like any others. */
  readonly affinity?: Affinity;
  /** Absent: all as by default. */
  readonly options?: Options;
}

export type Labels = Readonly<Record<string, string>>;

export type Protocol = 'TCP' | 'UDP';

export interface Port {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly target: Target;
  readonly check: Check;
  /** Backends are told the client's address by this version of the PROXY protocol; absent: they are not. */
  readonly proxyProtocol?: 1 | 2;
}

export type Target =
  | {
      readonly kind: 'node-port';
      readonly nodePort: number;
      /** `all` eligible nodes of the cluster, or exactly these, even when there are none. */
      readonly nodes: 'all' | readonly string[];
      /** With named nodes: others that keep the connections they have for as long as they are named, and get no new ones. */
      readonly drainingNodes?: readonly string[];
      /** The named nodes still answer though their check says no: only pods that end are left. */
      readonly lastResort?: true;
    }
  | { readonly kind: 'endpoints'; readonly endpoints: readonly Endpoint[] };

export interface Endpoint {
  readonly name: string;
  readonly address: Address;
  readonly port: number;
  /** Keeps the connections it has, gets no new ones. */
  readonly draining: boolean;
  /** Kubernetes node it is on, with which it leaves; absent: none. */
  readonly node?: string;
}

/**
 * `node`: the one check per node. `tcp`: a connection to the backend itself, so nothing for a backend that speaks UDP.
 * `http`: GET; port 0 is the backend's own; alive is who answers with expectedStatus (100-599), when absent with any 2xx
 * or 3xx.
 */
export type Check =
  | { readonly kind: 'node' }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'http'; readonly port: number; readonly path: string; readonly expectedStatus?: number };

export interface Node {
  readonly name: string;
  /** InternalIPs, at most one per family. */
  readonly addresses: readonly Address[];
  readonly eligible: boolean;
  readonly draining: boolean;
  readonly podCidrs: readonly string[];
}

/**
 * Where a node answers the NodePort of a Service of these families for clients of a VIP of `family`: at its address of the
 * same family; without one at its other address, when the Service is of that family too, or nobody opens the NodePort
 * there. Undefined: nowhere.
 */
export function nodeAddressFor(
  { addresses }: Pick<Node, 'addresses'>,
  family: AddressFamily,
  families: readonly AddressFamily[],
): Address | undefined {
  const same = addresses.find((each) => familyOf(each) === family);
  return same ?? addresses.find((each) => families.includes(familyOf(each)));
}

/** Why a wish cannot be served: data, not an exception. */
export interface Refusal {
  /** UPPER_SNAKE, for programs. */
  readonly reason: string;
  /** The field at fault as its author wrote it; may be empty. */
  readonly field: string;
  /** What is wrong and what to do, one sentence. */
  readonly message: string;
}

export function refusal(reason: string, field: string, message: string): Refusal {
  return { reason, field, message };
}

/** `cluster/namespace/name`, without the parts that are empty: how people call it. */
export function displayName(lb: Pick<LoadBalancer, 'cluster' | 'namespace' | 'name'>): string {
  return [lb.cluster, lb.namespace, lb.name].filter((part) => part !== '').join('/');
}
