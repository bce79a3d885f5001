import type { Address, AddressRange, Labels, LoadBalancer, NodeCheckKind, Pool } from '@fairlead/model';

/** What an operator declares; `declaredIn` is the site file it belongs to, or empty when it came through the API. */
export type Resource =
  | NetworkResource
  | VipPoolResource
  | NodeIpPoolResource
  | LoadBalancerSetResource
  | MachineResource
  | ClusterResource
  | LoadBalancerResource;

export type ResourceKind = Resource['kind'];

export const RESOURCE_KINDS: readonly ResourceKind[] = [
  'Network',
  'VipPool',
  'NodeIpPool',
  'LoadBalancerSet',
  'Machine',
  'Cluster',
  'LoadBalancer',
];

interface Declared<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly name: string;
  readonly labels: Labels;
  readonly declaredIn: string;
  readonly spec: Spec;
  /** As its author wrote it: what is stored, shown, and compared to know whether anything changed. */
  readonly document: ResourceDocument;
}

export const API_VERSION = 'fairlead.dev/v1';

/** A resource as plain data. Only `parse` judges whether it makes sense. */
export interface ResourceDocument {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: ResourceKind;
  readonly metadata: { readonly name: string; readonly labels?: Labels; readonly annotations?: Labels };
  readonly spec: JsonObject;
}

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [field: string]: Json;
}

export type NetworkResource = Declared<
  'Network',
  {
    readonly subnets: readonly AddressRange[];
    /** As written, for those who need CIDR text. */
    readonly subnetTexts: readonly string[];
    readonly gateways: readonly Address[];
    readonly dns: readonly Address[];
    readonly mtu?: number;
    readonly announce: 'arp' | 'none';
  }
>;

export type VipPoolResource = Declared<'VipPool', Omit<Pool, 'name'>>;

export type NodeIpPoolResource = Declared<
  'NodeIpPool',
  { readonly network: string; readonly ranges: readonly AddressRange[]; readonly exclude: readonly AddressRange[] }
>;

export type LoadBalancerSetResource = Declared<
  'LoadBalancerSet',
  {
    readonly sku: 'haproxy';
    readonly count: number;
    readonly nodeIpPool: string;
    readonly vipPools: readonly string[];
    readonly mode: 'active-passive';
    readonly advertIntervalMs: number;
    readonly addressing: 'main-link';
    readonly provisioner: 'manual';
    /** For provisioners. A manual one does nothing with it. */
    readonly size?: { readonly cpus: number; readonly memoryBytes: number };
  }
>;

export type MachineResource = Declared<
  'Machine',
  {
    readonly loadBalancerSet: string;
    readonly agentAddress: Address;
    /** Port of lbagent, 7430 unless said otherwise. */
    readonly agentPort: number;
    readonly interfaces: readonly { readonly network: string; readonly device: string }[];
  }
>;

export type ClusterResource = Declared<
  'Cluster',
  {
    readonly loadBalancerSet: string;
    readonly controlPlane?: {
      readonly vipPool?: string;
      readonly address?: Address;
      readonly port: number;
      readonly backends: readonly Address[];
      /** Port of the API servers; the same as `port` unless said otherwise. */
      readonly backendPort: number;
    };
    readonly nodeCidrs: readonly AddressRange[];
    readonly podCidrs: readonly AddressRange[];
    readonly nodeCheck: NodeCheckKind;
    /** `static`: machines route each node's pod ranges through the node. `none`: the network does. */
    readonly podRoutes: 'none' | 'static';
    /** How long a backend that leaves keeps its connections. */
    readonly drainTimeoutMs: number;
    readonly maxBackends: number;
    readonly quota?: { readonly addresses: number };
  }
>;

export type LoadBalancerResource = Declared<
  'LoadBalancer',
  {
    readonly loadBalancerSet: string;
    readonly vipPool?: string;
    readonly address?: Address;
    /** What to serve; id `static/NAME`. */
    readonly loadBalancer: LoadBalancer;
  }
>;
