import type {
  Condition,
  Ingress,
  IngressPort,
  Metadata,
  NamespaceObject,
  NodeObject,
  ServiceObject,
  ServicePort,
  SliceEndpoint,
  SliceObject,
  SlicePort,
} from './objects.ts';
import { EXCLUDE_LABEL, FINALIZER, MAINTENANCE, OURS } from './objects.ts';

/**
 * JSON from the API server → the fields we use. Never throws: a field of the wrong kind is read as absent.
 * Undefined: nothing that concerns us, or not an object with a name.
 */
export function narrowService(raw: unknown): ServiceObject | undefined {
  const metadata = narrowMetadata(raw);
  if (metadata === undefined) return undefined;
  const spec = field(raw, 'spec');
  const status = field(raw, 'status');
  const service: ServiceObject = {
    metadata,
    spec: defined({
      type: text(field(spec, 'type')),
      loadBalancerClass: text(field(spec, 'loadBalancerClass')),
      loadBalancerIP: text(field(spec, 'loadBalancerIP')),
      loadBalancerSourceRanges: texts(field(spec, 'loadBalancerSourceRanges')),
      externalTrafficPolicy: text(field(spec, 'externalTrafficPolicy')),
      healthCheckNodePort: integer(field(spec, 'healthCheckNodePort')),
      sessionAffinity: text(field(spec, 'sessionAffinity')),
      affinityTimeoutSeconds: integer(field(field(field(spec, 'sessionAffinityConfig'), 'clientIP'), 'timeoutSeconds')),
      ipFamilies: texts(field(spec, 'ipFamilies')),
      ipFamilyPolicy: text(field(spec, 'ipFamilyPolicy')),
      allocateLoadBalancerNodePorts: flag(field(spec, 'allocateLoadBalancerNodePorts')),
      hasSelector: Object.keys(textMap(field(spec, 'selector'))).length > 0 ? (true as const) : undefined,
      ports: list(field(spec, 'ports')).map(narrowPort),
    }),
    status: {
      ingress: list(field(field(status, 'loadBalancer'), 'ingress')).map(narrowIngress),
      conditions: list(field(status, 'conditions')).map(narrowCondition),
    },
  };
  return concernsUs(service) ? service : undefined;
}

// Another type can still carry our finalizer or our conditions, which are then to be taken away.
function concernsUs(service: ServiceObject): boolean {
  return (
    service.spec.type === 'LoadBalancer' ||
    service.metadata.finalizers.includes(FINALIZER) ||
    service.status.conditions.some((condition) => condition.type.startsWith(OURS))
  );
}

/** Keeps addresses, taints, pod ranges and what marks a node as leaving; heartbeats change none of them. */
export function narrowNode(raw: unknown): NodeObject | undefined {
  const metadata = narrowMetadata(raw);
  if (metadata === undefined) return undefined;
  const spec = field(raw, 'spec');
  const addresses = list(field(field(raw, 'status'), 'addresses'));
  const podCidrs = texts(field(spec, 'podCIDRs')) ?? [];
  const podCidr = text(field(spec, 'podCIDR'));
  return defined({
    name: metadata.name,
    deleting: metadata.deletionTimestamp !== undefined,
    excludeLabel: metadata.labels[EXCLUDE_LABEL],
    maintenance: metadata.annotations[MAINTENANCE],
    taints: list(field(spec, 'taints')).map((taint) => text(field(taint, 'key')) ?? ''),
    podCidrs: podCidrs.length === 0 && podCidr !== undefined && podCidr !== '' ? [podCidr] : podCidrs,
    internalIps: addresses
      .filter((entry) => field(entry, 'type') === 'InternalIP')
      .map((entry) => text(field(entry, 'address')) ?? ''),
  });
}

/** Keeps ports, and where each endpoint is and how it is. A slice without a Service is nobody's. */
export function narrowSlice(raw: unknown): SliceObject | undefined {
  const metadata = narrowMetadata(raw);
  const service = text(field(field(field(raw, 'metadata'), 'labels'), 'kubernetes.io/service-name'));
  if (metadata === undefined || service === undefined) return undefined;
  return {
    name: metadata.name,
    service: `${metadata.namespace}/${service}`,
    ports: list(field(raw, 'ports')).flatMap(narrowSlicePort),
    endpoints: list(field(raw, 'endpoints')).map(narrowEndpoint),
  };
}

// Without a number it means "any port", which nothing can be sent to.
function narrowSlicePort(raw: unknown): SlicePort[] {
  const port = integer(field(raw, 'port'));
  const name = text(field(raw, 'name')) ?? '';
  return port === undefined ? [] : [{ name, protocol: text(field(raw, 'protocol')) ?? 'TCP', port }];
}

function narrowEndpoint(raw: unknown): SliceEndpoint {
  const target = field(raw, 'targetRef');
  return defined({
    pod: field(target, 'kind') === 'Pod' ? text(field(target, 'name')) : undefined,
    node: text(field(raw, 'nodeName')),
    addresses: texts(field(raw, 'addresses')) ?? [],
    state: stateOf(field(raw, 'conditions')),
  });
}

/** Absent, it is ready, and serves as it is ready (discovery.k8s.io/v1, EndpointConditions). */
function stateOf(conditions: unknown): SliceEndpoint['state'] {
  const ready = field(conditions, 'ready') !== false;
  if (ready) return 'ready';
  const ends = field(conditions, 'terminating') === true && field(conditions, 'serving') === true;
  return ends ? 'ending' : 'closed';
}

export function narrowNamespace(raw: unknown): NamespaceObject | undefined {
  const metadata = narrowMetadata(raw);
  return metadata && { name: metadata.name, labels: metadata.labels };
}

function narrowMetadata(raw: unknown): Metadata | undefined {
  const metadata = field(raw, 'metadata');
  const name = text(field(metadata, 'name'));
  if (name === undefined || name === '') return undefined;
  const annotations = Object.entries(textMap(field(metadata, 'annotations'))).filter(
    ([key]) => key.startsWith(OURS) || FOREIGN_ANNOTATIONS.includes(key),
  );
  return defined({
    name,
    namespace: text(field(metadata, 'namespace')) ?? '',
    uid: text(field(metadata, 'uid')) ?? '',
    resourceVersion: text(field(metadata, 'resourceVersion')) ?? '',
    deletionTimestamp: text(field(metadata, 'deletionTimestamp')),
    labels: textMap(field(metadata, 'labels')),
    annotations: Object.fromEntries(annotations),
    finalizers: texts(field(metadata, 'finalizers')) ?? [],
  });
}

/** Annotations of others that say something about a load balancer. */
const FOREIGN_ANNOTATIONS: readonly string[] = ['service.beta.kubernetes.io/load-balancer-source-ranges'];

function narrowPort(raw: unknown): ServicePort {
  return defined({
    name: text(field(raw, 'name')),
    protocol: text(field(raw, 'protocol')),
    port: integer(field(raw, 'port')) ?? 0,
    nodePort: integer(field(raw, 'nodePort')),
  });
}

function narrowIngress(raw: unknown): Ingress {
  const ports = field(raw, 'ports');
  return defined({
    ip: text(field(raw, 'ip')),
    hostname: text(field(raw, 'hostname')),
    ipMode: text(field(raw, 'ipMode')),
    ports: ports === undefined ? undefined : list(ports).map(narrowIngressPort),
  });
}

function narrowIngressPort(raw: unknown): IngressPort {
  return defined({
    port: integer(field(raw, 'port')) ?? 0,
    protocol: text(field(raw, 'protocol')) ?? 'TCP',
    error: text(field(raw, 'error')),
  });
}

function narrowCondition(raw: unknown): Condition {
  const status = field(raw, 'status');
  return {
    type: text(field(raw, 'type')) ?? '',
    status: status === 'True' || status === 'False' ? status : 'Unknown',
    reason: text(field(raw, 'reason')) ?? '',
    message: text(field(raw, 'message')) ?? '',
    lastTransitionTime: text(field(raw, 'lastTransitionTime')) ?? '',
  };
}

/** A property of an object, undefined of anything else; own properties only, so that `__proto__` is just a name. */
export function field(raw: unknown, name: string): unknown {
  if (typeof raw !== 'object' || raw === null || !Object.hasOwn(raw, name)) return undefined;
  return (raw as Record<string, unknown>)[name] ?? undefined;
}

export function text(raw: unknown): string | undefined {
  return typeof raw === 'string' ? raw : undefined;
}

export function integer(raw: unknown): number | undefined {
  return Number.isSafeInteger(raw) ? (raw as number) : undefined;
}

export function list(raw: unknown): readonly unknown[] {
  return Array.isArray(raw) ? raw : [];
}

export function texts(raw: unknown): readonly string[] | undefined {
  return Array.isArray(raw) ? raw.map((item) => text(item) ?? '') : undefined;
}

function flag(raw: unknown): boolean | undefined {
  return typeof raw === 'boolean' ? raw : undefined;
}

function textMap(raw: unknown): Readonly<Record<string, string>> {
  if (typeof raw !== 'object' || raw === null) return {};
  const entries = Object.entries(raw).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(entries);
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out properties that are undefined, so that equal objects are equal JSON. */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
