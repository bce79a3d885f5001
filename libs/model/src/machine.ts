import type { Address } from './address.ts';
import type { LoadBalancer, Node } from './load-balancer.ts';

/** A life of the cloudagent, and the count of changes in it. */
export interface Version {
  readonly epoch: number;
  readonly generation: number;
}

export const NO_VERSION: Version = { epoch: 0, generation: 0 };

/** Epoch first. */
export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.generation - b.generation;
}

/** All that one LB machine should serve and all that it needs to know for it. */
export interface MachineState {
  readonly config: MachineConfig;
  /** By cluster name. */
  readonly nodeSets: ReadonlyMap<string, NodeSet>;
  /** By load balancer id. */
  readonly loadBalancers: ReadonlyMap<string, PlacedLoadBalancer>;
}

export interface MachineConfig {
  readonly machine: string;
  readonly loadBalancerSet: string;
  /** All members of the set, this machine included, in order of name. */
  readonly members: readonly Member[];
  readonly vrrpInstances: readonly VrrpInstance[];
  readonly networks: readonly NetworkAttachment[];
}

export interface Member {
  readonly name: string;
  /** Where its VRRP adverts come from. */
  readonly address: Address;
}

export interface VrrpInstance {
  readonly name: string;
  /** VRID, 1-255. */
  readonly virtualRouterId: number;
  /** The one address that keepalived itself carries. */
  readonly anchorAddress: Address;
  readonly network: string;
  readonly advertIntervalMs: number;
  /** Member name to VRRP priority, 1-254; highest first to own. */
  readonly priorities: Readonly<Record<string, number>>;
}

export interface NetworkAttachment {
  readonly network: string;
  /** Link on this machine. */
  readonly device: string;
  readonly subnets: readonly string[];
  readonly gateways: readonly Address[];
  /** False: somebody else routes the VIPs to this machine. */
  readonly announce: boolean;
}

export type NodeCheckKind = 'auto' | 'healthz' | 'node-port';

export interface NodeSet {
  readonly cluster: string;
  readonly nodes: readonly Node[];
  /** A port whose target is all nodes uses at most this many of them. */
  readonly maxBackends: number;
  readonly check: NodeCheckKind;
  /** The machine routes each node's podCidrs through the node. */
  readonly podRoutes: boolean;
}

export interface PlacedLoadBalancer {
  readonly loadBalancer: LoadBalancer;
  readonly addresses: readonly PlacedAddress[];
}

export interface PlacedAddress {
  readonly address: Address;
  readonly network: string;
  readonly vrrpInstance: string;
}

/** What changed between two states of one machine. */
export interface MachineStateDelta {
  /** Absent: unchanged. */
  readonly config?: MachineConfig;
  readonly nodeSets: readonly NodeSetDelta[];
  readonly upsert: readonly PlacedLoadBalancer[];
  readonly remove: readonly string[];
}

export interface NodeSetDelta {
  readonly cluster: string;
  readonly removed: boolean;
  readonly upsert: readonly Node[];
  readonly remove: readonly string[];
  readonly settings?: Pick<NodeSet, 'maxBackends' | 'check' | 'podRoutes'>;
}

/** What a machine says of itself. */
export interface MachineReport {
  readonly applied: Version;
  /** OLDER_VERSION: send nothing more. WRONG_BASE: send the full state. */
  readonly rejected?: 'OLDER_VERSION' | 'WRONG_BASE';
  readonly refused: readonly {
    readonly id: string;
    readonly reason: string;
    readonly field: string;
    readonly message: string;
  }[];
  readonly ownedInstances: readonly string[];
  readonly driftRepaired: number;
  readonly haproxyReloads: number;
  readonly capabilities: Capabilities;
  readonly down: readonly DownBackend[];
  /** Ids of load balancers none of whose backends has answered this machine since they came. */
  readonly unanswered: readonly string[];
  readonly draining: readonly DrainingBackend[];
  readonly findings: readonly string[];
  /** RFC 3339. */
  readonly clock: string;
  readonly applyMicros: number;
  readonly traceparent: string;
}

export interface Capabilities {
  readonly agentVersion: string;
  readonly haproxyVersion: string;
  readonly keepalivedVersion: string;
  readonly kernelVersion: string;
}

export interface DownBackend {
  readonly loadBalancerId: string;
  readonly port: number;
  readonly backend: string;
}

/** A backend that gets no new connections and still has some. */
export interface DrainingBackend extends DownBackend {
  readonly connections: number;
  /** Since it began to. */
  readonly seconds: number;
}
