import * as pb from '#gen';
import {
  type Affinity,
  AFFINITY_RANGE_SECONDS,
  type Algorithm,
  CHECK_COUNT_RANGE,
  CHECK_INTERVAL_RANGE_MS,
  type CheckPace,
  MAX_CONNECTIONS_RANGE,
  type Options,
  TIMEOUT_RANGE_MS,
} from '@fairlead/model';
import * as read from './check.ts';

export function optionsToProto(options: Options): pb.LoadBalancerOptions.$Properties {
  const { algorithm, checkPace, ...plain } = options;
  return {
    ...plain,
    ...(algorithm === undefined ? {} : { algorithm: ALGORITHM_TO_PROTO[algorithm] }),
    ...(checkPace === undefined
      ? {}
      : { checkIntervalMs: checkPace.intervalMs, checkRise: checkPace.rise, checkFall: checkPace.fall }),
  };
}

/** Undefined when nothing is set. Throws INVALID_ARGUMENT with the field at fault. */
export function optionsFromProto(proto: pb.LoadBalancerOptions, path: string): Options | undefined {
  const timeout = (value: number, field: string): number | undefined =>
    optional(value, `${path}.${field}`, TIMEOUT_RANGE_MS);
  const options = {
    algorithm: algorithmFromProto(proto.algorithm, `${path}.algorithm`),
    connectTimeoutMs: timeout(proto.connectTimeoutMs, 'connect_timeout_ms'),
    clientTimeoutMs: timeout(proto.clientTimeoutMs, 'client_timeout_ms'),
    serverTimeoutMs: timeout(proto.serverTimeoutMs, 'server_timeout_ms'),
    tunnelTimeoutMs: timeout(proto.tunnelTimeoutMs, 'tunnel_timeout_ms'),
    maxConnections: optional(proto.maxConnections, `${path}.max_connections`, MAX_CONNECTIONS_RANGE),
    checkPace: checkPaceFromProto(proto, path),
  };
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return set.length === 0 ? undefined : Object.fromEntries(set);
}

/** Throws INVALID_ARGUMENT with the field at fault. */
export function affinityFromProto({ timeoutSeconds }: pb.Affinity, path: string): Affinity {
  return { timeoutSeconds: read.readInteger(timeoutSeconds, `${path}.timeout_seconds`, AFFINITY_RANGE_SECONDS) };
}

function checkPaceFromProto(proto: pb.LoadBalancerOptions, path: string): CheckPace | undefined {
  const { checkIntervalMs, checkRise, checkFall } = proto;
  if (checkIntervalMs === 0 && checkRise === 0 && checkFall === 0) return undefined;
  return {
    intervalMs: read.readInteger(checkIntervalMs, `${path}.check_interval_ms`, CHECK_INTERVAL_RANGE_MS),
    rise: read.readInteger(checkRise, `${path}.check_rise`, CHECK_COUNT_RANGE),
    fall: read.readInteger(checkFall, `${path}.check_fall`, CHECK_COUNT_RANGE),
  };
}

function optional(value: number, field: string, range: readonly [number, number]): number | undefined {
  return value === 0 ? undefined : read.readInteger(value, field, range);
}

function algorithmFromProto(proto: pb.Algorithm, path: string): Algorithm | undefined {
  if (proto === pb.Algorithm.ALGORITHM_UNSPECIFIED) return undefined;
  const found = (Object.keys(ALGORITHM_TO_PROTO) as Algorithm[]).find((name) => ALGORITHM_TO_PROTO[name] === proto);
  if (found === undefined) throw read.invalid(path, 'is not known here: bring this part up to date');
  return found;
}

const ALGORITHM_TO_PROTO: Readonly<Record<Algorithm, pb.Algorithm>> = {
  roundrobin: pb.Algorithm.ALGORITHM_ROUND_ROBIN,
  leastconn: pb.Algorithm.ALGORITHM_LEAST_CONNECTIONS,
  source: pb.Algorithm.ALGORITHM_SOURCE,
  hash: pb.Algorithm.ALGORITHM_HASH,
};
