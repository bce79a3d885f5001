import type { Affinity, Check, CheckPace, LoadBalancer, Options, Port, Refusal } from '@fairlead/model';
import { AFFINITY_RANGE_SECONDS, refusal } from '@fairlead/model';
import type { AnnotationValues } from './annotations.ts';
import type { ServiceSpec } from '../cluster/objects.ts';
import { contradictions } from './contradictions.ts';

/** What a Service says of how its connections are treated. */
export interface RequestedOptions {
  readonly refusals: readonly Refusal[];
  /** For the load balancer as a whole. */
  readonly common: Pick<LoadBalancer, 'affinity' | 'options'>;
  /** A port as it is to be reached, checked and told of clients. */
  dress(port: Port): Port;
}

/** Reads spec.sessionAffinity and the annotations that stand on each other. */
export function requestedOptions(spec: ServiceSpec, values: AnnotationValues): RequestedOptions {
  const affinity = requestedAffinity(spec);
  const proxy = values['fairlead.dev/proxy-protocol'];
  const options = optionsOf(values);
  const check = ownCheck(values);
  return {
    refusals: [...affinity.refusals, ...contradictions(spec, values)],
    common: {
      ...(affinity.value === undefined ? {} : { affinity: affinity.value }),
      ...(Object.keys(options).length === 0 ? {} : { options }),
    },
    dress(port) {
      if (port.protocol !== 'TCP') return port;
      const told = proxy !== undefined && (proxy.ports === 'all' || proxy.ports.includes(port.port));
      return {
        ...port,
        ...(check === undefined || spec.externalTrafficPolicy === 'Local' ? {} : { check }),
        ...(told ? { proxyProtocol: proxy.version } : {}),
      };
    },
  };
}

/** As the Kubernetes API fills it in. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

function requestedAffinity({ sessionAffinity, affinityTimeoutSeconds }: ServiceSpec): {
  readonly value?: Affinity;
  readonly refusals: readonly Refusal[];
} {
  if (sessionAffinity === undefined || sessionAffinity === 'None') return { refusals: [] };
  if (sessionAffinity !== 'ClientIP') {
    const field = 'spec.sessionAffinity';
    const message = `${field}: ${JSON.stringify(sessionAffinity.slice(0, 64))} is not known; set it to None or ClientIP.`;
    return { refusals: [refusal('AFFINITY_NOT_SERVED', field, message)] };
  }
  const timeoutSeconds = affinityTimeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  const [least, most] = AFFINITY_RANGE_SECONDS;
  if (timeoutSeconds >= least && timeoutSeconds <= most) return { value: { timeoutSeconds }, refusals: [] };
  const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const message = `${field}: ${timeoutSeconds} is out of range; set it to a number of seconds from ${least} to ${most}.`;
  return { refusals: [refusal('AFFINITY_NOT_SERVED', field, message)] };
}

function optionsOf(values: AnnotationValues): Options {
  const algorithm =
    values['fairlead.dev/algorithm'] ??
    (values['fairlead.dev/load-distribution'] === 'SourceIP' ? 'source' : undefined);
  const checkPace = checkPaceOf(values);
  return {
    ...(algorithm === undefined ? {} : { algorithm }),
    ...present('connectTimeoutMs', values['fairlead.dev/timeout-connect']),
    ...present('clientTimeoutMs', values['fairlead.dev/timeout-client']),
    ...present('serverTimeoutMs', values['fairlead.dev/timeout-server']),
    ...present('tunnelTimeoutMs', values['fairlead.dev/timeout-tunnel']),
    ...present('maxConnections', values['fairlead.dev/max-connections']),
    ...(checkPace === undefined ? {} : { checkPace }),
  };
}

function present<K extends keyof Options>(key: K, value: number | undefined): { [P in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: number });
}

const USUAL_PACE: CheckPace = { intervalMs: 1_000, rise: 1, fall: 2 };

function checkPaceOf(values: AnnotationValues): CheckPace | undefined {
  const intervalMs = values['fairlead.dev/check-interval'];
  const rise = values['fairlead.dev/check-rise'];
  const fall = values['fairlead.dev/check-fall'];
  if (intervalMs === undefined && rise === undefined && fall === undefined) return undefined;
  return {
    intervalMs: intervalMs ?? USUAL_PACE.intervalMs,
    rise: rise ?? USUAL_PACE.rise,
    fall: fall ?? USUAL_PACE.fall,
  };
}

/** A check that the Service shares with no other; undefined: the one per node. */
function ownCheck(values: AnnotationValues): Check | undefined {
  const check = values['fairlead.dev/check'];
  const status = values['fairlead.dev/check-status'];
  if (check?.kind === 'node') return undefined;
  if (check?.kind === 'http') {
    return { kind: 'http', port: 0, path: check.path, ...(status === undefined ? {} : { expectedStatus: status }) };
  }
  return check?.kind === 'node-port' || checkPaceOf(values) ? { kind: 'tcp' } : undefined;
}
