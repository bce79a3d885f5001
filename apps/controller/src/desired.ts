import type { AddressFamily, Check, Labels, LoadBalancer, Port, Protocol, Refusal, Target } from '@fairlead/model';
import { refusal } from '@fairlead/model';
import { readAnnotations } from './annotations/annotations.ts';
import { endpointNodes, podEndpoints, someReady } from './wanted/endpoints.ts';
import { requestedFamilies } from './wanted/families.ts';
import { refusedFields } from './wanted/not-served.ts';
import { requestedOptions } from './annotations/options.ts';
import { requestedAddresses } from './wanted/requested.ts';
import { sourceRanges } from './wanted/source-ranges.ts';
import type { ServiceObject, ServicePort, ServiceSpec, SliceObject } from './cluster/objects.ts';
import { OURS } from './cluster/objects.ts';

export const CLASS = 'fairlead.dev/haproxy';

/** What the caches know that matters for one Service. */
export interface Surroundings {
  /** Name of the Kubernetes cluster, as the cloudagent knows it. */
  readonly cluster: string;
  /** True: a Service without a class is ours too. */
  readonly defaultClass: boolean;
  readonly namespaceLabels: Labels;
  /** Its EndpointSlices; undefined: it has none yet. */
  readonly slices: readonly SliceObject[] | undefined;
}

export type Desired =
  | { readonly kind: 'not-ours' }
  /** Everything that is wrong, in the order of the fields; at least one. */
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] }
  | { readonly kind: 'wanted'; readonly loadBalancer: LoadBalancer };

/**
 * The load balancer that a Service asks for, or why it cannot be had, or that it is not for us.
 * Never throws, whatever stands in the object; what is not served is refused, never left out in silence.
 */
export function desired(service: ServiceObject, around: Surroundings): Desired {
  if (!isOurs(service.spec, around.defaultClass)) return { kind: 'not-ours' };
  const { metadata, spec } = service;
  const families = requestedFamilies(spec);
  // Whatever is wrong with the families, the addresses are read too: all that is wrong is told at once.
  const addresses = requestedAddresses(service, families.ok ? families.value.families : ['ipv4', 'ipv6']);
  const annotations = readAnnotations(ourAnnotations(metadata.annotations));
  const pool = annotations.values['fairlead.dev/pool'];
  const key = annotations.values['fairlead.dev/sharing-key'];
  const options = requestedOptions(spec, annotations.values);
  const mode = backendMode(spec, annotations.values['fairlead.dev/backend-mode']);
  const wished = families.ok ? families.value.families : [];
  const context = { spec, mode, families: wished, slices: around.slices ?? [] };
  const ports = spec.ports.map((port, index) => describePort(port, index, context));
  const sources = sourceRanges(service);
  const refusals = [
    ...refusedFields(spec),
    ...(families.ok ? [] : [families.refusal]),
    ...ports.flatMap((port) => ('refusals' in port ? port.refusals : [])),
    ...(addresses.ok ? [] : [addresses.refusal]),
    ...options.refusals,
    ...annotations.refusals,
    ...(sources.ok ? [] : sources.refusals),
  ];
  if (refusals.length > 0 || !families.ok || !addresses.ok || !sources.ok) return { kind: 'refused', refusals };
  return {
    kind: 'wanted',
    loadBalancer: {
      id: metadata.uid,
      cluster: around.cluster,
      namespace: metadata.namespace,
      name: metadata.name,
      wantedAddresses: addresses.value,
      ...(pool === undefined ? {} : { pool }),
      families: families.value.families,
      ...(families.value.optional ? { familiesOptional: true as const } : {}),
      ports: ports.flatMap((port) => ('port' in port ? [options.dress(port.port)] : [])),
      ...(key === undefined ? {} : { sharingKey: key }),
      ...(sources.ranges === undefined ? {} : { sourceRanges: sources.ranges }),
      labels: metadata.labels,
      namespaceLabels: around.namespaceLabels,
      ...options.common,
      ...(expectsAnswer(spec, around) ? { expectsAnswer: true as const } : {}),
      ...(mode === 'pod' ? { backendMode: mode } : {}),
    },
  };
}

function ourAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith(OURS)));
}

/** With ready pods, or with slices still to come; once these say that no pod is ready there is nothing to wait for. */
function expectsAnswer(spec: ServiceSpec, { slices }: Surroundings): boolean {
  return slices === undefined ? spec.hasSelector === true : someReady(slices);
}

/** Type LoadBalancer of our class; without a class only where we are the default. */
export function isOurs(spec: ServiceSpec, defaultClass: boolean): boolean {
  if (spec.type !== 'LoadBalancer') return false;
  return spec.loadBalancerClass === undefined ? defaultClass : spec.loadBalancerClass === CLASS;
}

type Mode = 'node-port' | 'pod';

/** As the annotation says; without it, whoever wants no node ports wants its pods to be reached directly. */
function backendMode({ allocateLoadBalancerNodePorts: allocate }: ServiceSpec, annotated: Mode | undefined): Mode {
  return annotated ?? (allocate === false ? 'pod' : 'node-port');
}

interface PortContext {
  readonly spec: ServiceSpec;
  readonly mode: Mode;
  readonly families: readonly AddressFamily[];
  readonly slices: readonly SliceObject[];
}

function describePort(
  port: ServicePort,
  index: number,
  { spec, mode, families, slices }: PortContext,
): { port: Port } | { refusals: Refusal[] } {
  const refusals = refusedPort(port, `spec.ports[${index}]`, mode);
  if (refusals.length > 0) return { refusals };
  const served = { name: port.name ?? '', protocol: protocolOf(port) ?? 'TCP', port: port.port };
  if (mode === 'pod') {
    const target: Target = { kind: 'endpoints', endpoints: podEndpoints(slices, port, families) };
    return { port: { ...served, target, check: { kind: 'tcp' } } };
  }
  const local = spec.externalTrafficPolicy === 'Local';
  const target: Target = {
    kind: 'node-port',
    nodePort: port.nodePort ?? 0,
    ...(local ? localNodes(slices) : { nodes: 'all' }),
  };
  const check: Check = local
    ? { kind: 'http', port: spec.healthCheckNodePort ?? 0, path: '/healthz' }
    : { kind: 'node' };
  return { port: { ...served, target, check } };
}

/** Undefined: not served. SCTP is not: HAProxy does not speak it, and not every kernel can forward it. */
function protocolOf({ protocol = 'TCP' }: ServicePort): Protocol | undefined {
  return protocol === 'TCP' || protocol === 'UDP' ? protocol : undefined;
}

function localNodes(slices: readonly SliceObject[]): Omit<Extract<Target, { kind: 'node-port' }>, 'kind' | 'nodePort'> {
  const { serving, draining, lastResort } = endpointNodes(slices);
  return {
    nodes: serving,
    ...(draining.length > 0 ? { drainingNodes: draining } : {}),
    ...(lastResort ? { lastResort } : {}),
  };
}

function refusedPort(port: ServicePort, path: string, mode: Mode): Refusal[] {
  if (protocolOf(port) === undefined) {
    const protocol = JSON.stringify((port.protocol ?? '').slice(0, 8));
    return [
      refusal(
        'PROTOCOL_NOT_SERVED',
        `${path}.protocol`,
        `${path}.protocol: ${protocol} is not served, only TCP and UDP are: take this port out of the Service, or give it one of these.`,
      ),
    ];
  }
  const refusals: Refusal[] = [];
  if (!isPort(port.port)) {
    refusals.push(refusal('INVALID_PORT', `${path}.port`, `${path}.port: must be a number from 1 to 65535.`));
  }
  if (mode === 'node-port' && (port.nodePort === undefined || !isPort(port.nodePort))) {
    refusals.push(
      refusal(
        'NODE_PORT_MISSING',
        `${path}.nodePort`,
        `${path}.nodePort: this port has no node port to send connections to; leave spec.allocateLoadBalancerNodePorts unset, or set nodePort.`,
      ),
    );
  }
  if (port.name !== undefined && port.name !== '' && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(port.name)) {
    refusals.push(refusal('INVALID_NAME', `${path}.name`, `${path}.name: must be a DNS label such as "http".`));
  }
  return refusals;
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}
