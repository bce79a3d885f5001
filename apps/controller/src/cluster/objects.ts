/**
 * The few fields of Kubernetes objects that the controller uses, as they come over the wire (dates are strings).
 * Everything else, managedFields first, is dropped when an object is received, so that memory stays bounded.
 */

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly deletionTimestamp?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
}

export interface ServiceObject {
  readonly metadata: Metadata;
  readonly spec: ServiceSpec;
  readonly status: ServiceStatus;
}

/** Absent fields are absent here too: `desired` decides what that means. */
export interface ServiceSpec {
  readonly type?: string;
  readonly loadBalancerClass?: string;
  readonly loadBalancerIP?: string;
  readonly loadBalancerSourceRanges?: readonly string[];
  readonly externalTrafficPolicy?: string;
  readonly healthCheckNodePort?: number;
  readonly sessionAffinity?: string;
  readonly affinityTimeoutSeconds?: number;
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: string;
  readonly allocateLoadBalancerNodePorts?: boolean;
  /** Its EndpointSlices are made from its selector, at least one, soon after it. */
  readonly hasSelector?: boolean;
  readonly ports: readonly ServicePort[];
}

export interface ServicePort {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
  readonly nodePort?: number;
}

export interface ServiceStatus {
  readonly ingress: readonly Ingress[];
  readonly conditions: readonly Condition[];
}

/** One entry of status.loadBalancer.ingress. */
export interface Ingress {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: string;
  readonly ports?: readonly IngressPort[];
}

export interface IngressPort {
  readonly port: number;
  readonly protocol: string;
  readonly error?: string;
}

/** metav1.Condition, without observedGeneration: Services have no metadata.generation. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** What decides whether and where a node serves; heartbeats change none of it. */
export interface NodeObject {
  readonly name: string;
  readonly deleting: boolean;
  /** Value of the label that excludes nodes from load balancers. */
  readonly excludeLabel?: string;
  /** Value of our maintenance annotation. */
  readonly maintenance?: string;
  /** Keys of the node's taints. */
  readonly taints: readonly string[];
  readonly podCidrs: readonly string[];
  /** As the kubelet or a cloud provider wrote them, all families, in their order. */
  readonly internalIps: readonly string[];
}

/** What an EndpointSlice says about where a Service's pods are and how they are. */
export interface SliceObject {
  readonly name: string;
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** Where all endpoints of the slice serve the Service's port of that name. */
export interface SlicePort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

export interface SliceEndpoint {
  /** Its Pod; absent when it is none. */
  readonly pod?: string;
  readonly node?: string;
  /** As written; all of them are the same endpoint. */
  readonly addresses: readonly string[];
  /** `ending`: on its way out, and it still answers. `closed`: it does not answer, or is not to be asked. */
  readonly state: 'ready' | 'ending' | 'closed';
}

export interface NamespaceObject {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `namespace/name`: how the queue and the caches call a Service. */
export function keyOf(metadata: Pick<Metadata, 'namespace' | 'name'>): string {
  return `${metadata.namespace}/${metadata.name}`;
}

export const EXCLUDE_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
export const MAINTENANCE = 'fairlead.dev/maintenance';
export const FINALIZER = 'fairlead.dev/load-balancer';
/** Prefix of every annotation and condition of ours. */
export const OURS = 'fairlead.dev/';
