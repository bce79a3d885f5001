import type { Refusal } from '@fairlead/model';
import {
  CHECK_COUNT_RANGE,
  CHECK_INTERVAL_RANGE_MS,
  HTTP_STATUS_RANGE,
  MAX_CONNECTIONS_RANGE,
  refusal,
  TIMEOUT_RANGE_MS,
} from '@fairlead/model';
import {
  ALGORITHM,
  CHECK,
  choice,
  count,
  duration,
  POOL_NAME,
  PROXY_PROTOCOL,
  readElsewhere,
  SHARING_KEY,
  type ValueKind,
} from './values.ts';
import { nearest } from './nearest.ts';

/** One annotation: what it is for, what may stand in it, and whether this version serves it. */
export interface Annotation<T> {
  readonly served: boolean;
  /** For docs/annotations.md: what it does, in one or two sentences. */
  readonly purpose: string;
  /** What happens without it. */
  readonly otherwise: string;
  /** What it means for UDP ports, one sentence; absent: the same as for TCP. */
  readonly udp?: string;
  /** It means nothing for UDP: a Service without a TCP port may not have it. */
  readonly tcpAlone?: true;
  readonly value: ValueKind<T>;
  /** Reason of the refusal of a bad value; INVALID_ANNOTATION when absent. */
  readonly reason?: string;
}

function row<T>(annotation: Annotation<T>): Annotation<T> {
  return annotation;
}

/**
 * Every annotation that Fairlead knows on a Service. Parsing, validation, `docs/annotations.md` and tests all come from
 * here: whoever serves another one adds a row.
 */
export const ANNOTATIONS = {
  'fairlead.dev/ip': row({
    served: true,
    purpose:
      'The address that the Service is to have, or one of each family in `spec.ipFamilies`; it is given this one or none. Agrees with `spec.loadBalancerIP`.',
    otherwise: 'any free address of a pool',
    value: readElsewhere({
      rule: 'an address such as 192.168.0.157, or one of each family separated by a comma',
      examples: ['192.168.0.157'],
      refused: ['', '010.0.0.1', '10.0.0.1/24', '127.0.0.1', '10.0.0.1,10.0.0.2', 'fe80::1%eth0'],
    }),
  }),
  'fairlead.dev/pool': row({
    served: true,
    purpose: 'The VipPool that the address is to come from.',
    otherwise: 'pools with `autoAssign`, lowest `priority` first',
    value: POOL_NAME,
    reason: 'INVALID_POOL',
  }),
  'fairlead.dev/sharing-key': row({
    served: true,
    purpose:
      'Services of one namespace with the same key share one address, as long as no two of them have the same port and protocol. A pool with `sharing: cluster` lets Services of other namespaces share too. The address is free again when the last of them goes.',
    otherwise: 'an address of its own',
    value: SHARING_KEY,
  }),
  'fairlead.dev/backend-mode': row({
    served: true,
    purpose:
      'Whether connections go to node ports, or straight to the pods, for which the LB machines must have a way to them: the Cluster’s `podCIDRs` and `podRoutes`.',
    otherwise: '`node-port`, or `pod` with `spec.allocateLoadBalancerNodePorts: false`',
    value: choice(['node-port', 'pod']),
  }),
  'fairlead.dev/algorithm': row({
    served: true,
    purpose:
      'Which backend a new connection goes to: each in turn, the one with fewest connections, by a consistent hash of the client’s address (`source`), or by one of both addresses and both ports (`hash`).',
    otherwise: '`roundrobin`',
    value: ALGORITHM,
    udp: 'flows go by a hash of the client’s address and port, with `source` by one of its address alone; `roundrobin` and `leastconn` are for TCP ports',
  }),
  'fairlead.dev/load-distribution': row({
    served: true,
    purpose: 'The same in two words: `Default` spreads connections, `SourceIP` is the algorithm `source`.',
    otherwise: '`Default`',
    value: choice(['Default', 'SourceIP']),
    udp: 'as with `algorithm`',
  }),
  'fairlead.dev/timeout-connect': row({
    served: true,
    purpose: 'How long a backend may take to answer a new connection before another one is tried.',
    otherwise: '`10s`',
    value: duration(TIMEOUT_RANGE_MS),
    tcpAlone: true,
  }),
  'fairlead.dev/timeout-client': row({
    served: true,
    purpose:
      'How long a client may be silent before its connection is closed. What is sent in either direction counts. `timeout-tunnel` replaces it.',
    otherwise: 'as `timeout-tunnel` says',
    value: duration(TIMEOUT_RANGE_MS),
    tcpAlone: true,
  }),
  'fairlead.dev/timeout-server': row({
    served: true,
    purpose:
      'How long a backend may be silent before the connection is closed. With `timeout-client` the shorter of both counts. `timeout-tunnel` replaces it.',
    otherwise: 'as `timeout-tunnel` says',
    value: duration(TIMEOUT_RANGE_MS),
    tcpAlone: true,
  }),
  'fairlead.dev/timeout-tunnel': row({
    served: true,
    purpose: 'How long an established connection may be silent in both directions before it is closed.',
    otherwise: '`24d`, or the shorter of `timeout-client` and `timeout-server`',
    value: duration(TIMEOUT_RANGE_MS),
    tcpAlone: true,
  }),
  'fairlead.dev/max-connections': row({
    served: true,
    purpose:
      'How many connections the Service may have at once, all its ports together, on the machine that owns its address. More are closed at once.',
    otherwise: 'no limit',
    value: count(MAX_CONNECTIONS_RANGE),
    tcpAlone: true,
  }),
  'fairlead.dev/proxy-protocol': row({
    served: true,
    purpose:
      'Backends are told the client’s address by the PROXY protocol at the beginning of each connection. They must expect it.',
    otherwise: 'backends see the address of the LB machine',
    value: PROXY_PROTOCOL,
    udp: 'not for them: in a Service that has some, the TCP ports must be named',
    tcpAlone: true,
  }),
  'fairlead.dev/check': row({
    served: true,
    purpose:
      'How a backend is known to be alive: by the one check per node that all Services share (`node`), by a connection to the Service’s own node port (`node-port`), or by HTTP GET there.',
    otherwise: '`node`; with `externalTrafficPolicy: Local` always `healthCheckNodePort`',
    value: CHECK,
    udp: 'they go by the check of the node, with `externalTrafficPolicy: Local` by `healthCheckNodePort`',
    tcpAlone: true,
  }),
  'fairlead.dev/check-status': row({
    served: true,
    purpose: 'With `check: http:…`, the one status that means alive.',
    otherwise: 'every 2xx and 3xx',
    value: count(HTTP_STATUS_RANGE),
    tcpAlone: true,
  }),
  'fairlead.dev/check-interval': row({
    served: true,
    purpose: 'How often a check of the Service’s own is made; without `check`, it is `node-port`.',
    otherwise: '`1s`',
    value: duration(CHECK_INTERVAL_RANGE_MS),
    udp: 'only with `externalTrafficPolicy: Local`, for the check at `healthCheckNodePort`',
    tcpAlone: true,
  }),
  'fairlead.dev/check-rise': row({
    served: true,
    purpose: 'How many checks in a row must pass before a dead backend gets connections again.',
    otherwise: '`1`',
    value: count(CHECK_COUNT_RANGE),
    udp: 'only with `externalTrafficPolicy: Local`, for the check at `healthCheckNodePort`',
    tcpAlone: true,
  }),
  'fairlead.dev/check-fall': row({
    served: true,
    purpose: 'How many checks in a row must fail before a backend gets no new connections.',
    otherwise: '`2`',
    value: count(CHECK_COUNT_RANGE),
    udp: 'only with `externalTrafficPolicy: Local`, for the check at `healthCheckNodePort`',
    tcpAlone: true,
  }),
} as const;

export type AnnotationKey = keyof typeof ANNOTATIONS;
type ValueOf<K extends AnnotationKey> = (typeof ANNOTATIONS)[K] extends Annotation<infer T> ? T : never;

/** What stands in a Service's annotations, read by the table; only what is there. */
export type AnnotationValues = { readonly [K in AnnotationKey]?: ValueOf<K> };

const ROWS = new Map<string, Annotation<unknown>>(Object.entries(ANNOTATIONS));

export function servedAnnotations(): readonly string[] {
  return [...ROWS].filter(([, { served }]) => served).map(([key]) => key);
}

/** Those that mean nothing where there is no TCP port. */
export function forTcpAlone(): readonly AnnotationKey[] {
  return (Object.keys(ANNOTATIONS) as AnnotationKey[]).filter((key) => ROWS.get(key)!.tcpAlone === true);
}

/** The field of a refusal that is about an annotation. */
export function annotationField(key: string): string {
  return `metadata.annotations[${key.slice(0, 128)}]`;
}

/** Reads those of the annotations that begin with `fairlead.dev/`; every one that cannot be honoured is a refusal. */
export function readAnnotations(ours: Readonly<Record<string, string>>): {
  readonly values: AnnotationValues;
  /** In order of key. */
  readonly refusals: readonly Refusal[];
} {
  const values: Record<string, unknown> = {};
  const refusals: Refusal[] = [];
  for (const key of Object.keys(ours).sort()) {
    const known = ROWS.get(key);
    if (known?.served !== true) {
      refusals.push(refusedKey(key, known));
      continue;
    }
    const value = known.value.parse(ours[key]!);
    if (value === undefined) refusals.push(refusedValue(key, ours[key]!, known));
    else values[key] = value;
  }
  return { values, refusals };
}

function refusedValue(key: string, text: string, { reason, value }: Annotation<unknown>): Refusal {
  const field = annotationField(key);
  const message = `${field}: ${JSON.stringify(text.slice(0, 64))} is refused: write ${value.rule}.`;
  return refusal(reason ?? 'INVALID_ANNOTATION', field, message);
}

function refusedKey(key: string, known: Annotation<unknown> | undefined): Refusal {
  const field = annotationField(key);
  if (known) {
    return refusal('ANNOTATION_NOT_SERVED', field, `${field}: this annotation is not served yet; remove it.`);
  }
  const meant = nearest(key, [...ROWS.keys()]);
  const advice =
    meant === undefined ? `use one of ${servedAnnotations().join(', ')}, or remove it.` : `did you mean ${meant}?`;
  return refusal('UNKNOWN_ANNOTATION', field, `${field}: unknown annotation; ${advice}`);
}
