/** How connections to a load balancer are treated; what is absent is as by default. At least one is there. */
export interface Options {
  readonly algorithm?: Algorithm;
  /** How long a backend may take to answer a new connection. */
  readonly connectTimeoutMs?: number;
  /** How long a client may be silent; see `idleTimeoutMs`. */
  readonly clientTimeoutMs?: number;
  /** How long a backend may be silent; see `idleTimeoutMs`. */
  readonly serverTimeoutMs?: number;
  /** How long an established connection may be silent in both directions. */
  readonly tunnelTimeoutMs?: number;
  /** Connections at once to all ports together, on one machine; more are closed at once. 1-1,000,000. */
  readonly maxConnections?: number;
  /** Of checks that are the load balancer's own. */
  readonly checkPace?: CheckPace;
}

/**
 * `roundrobin` in turn. `leastconn` to who has fewest. `source` by a consistent hash of the client's address.
 * `hash` by one of both addresses and both ports.
 */
export type Algorithm = (typeof ALGORITHMS)[number];
export const ALGORITHMS = ['roundrobin', 'leastconn', 'source', 'hash'] as const;

export interface CheckPace {
  /** 100-3,600,000. */
  readonly intervalMs: number;
  /** Checks in a row that must pass before a backend gets connections again, and fail before it gets none. 1-100. */
  readonly rise: number;
  readonly fall: number;
}

/** Connections of one client address go to one backend. */
export interface Affinity {
  /** Without a new connection for so long, a client may come to another backend. 1-86400. */
  readonly timeoutSeconds: number;
}

/** Time-outs are 10 ms to 24 days: HAProxy counts milliseconds in 31 bits. */
export const TIMEOUT_RANGE_MS = [10, 24 * 86_400_000] as const;
export const MAX_CONNECTIONS_RANGE = [1, 1_000_000] as const;
export const CHECK_INTERVAL_RANGE_MS = [100, 3_600_000] as const;
export const CHECK_COUNT_RANGE = [1, 100] as const;
/** As the Kubernetes API has it. */
export const AFFINITY_RANGE_SECONDS = [1, 86_400] as const;
export const HTTP_STATUS_RANGE = [100, 599] as const;

/**
 * How long an established connection may be silent, or undefined for the default. The tunnel's time-out replaces the two
 * others as soon as a connection is established (HAProxy, `timeout tunnel`); without it the shorter of them counts.
 */
export function idleTimeoutMs(options: Options): number | undefined {
  if (options.tunnelTimeoutMs !== undefined) return options.tunnelTimeoutMs;
  const { clientTimeoutMs = Infinity, serverTimeoutMs = Infinity } = options;
  const least = Math.min(clientTimeoutMs, serverTimeoutMs);
  return Number.isFinite(least) ? least : undefined;
}

/** Whether a path may be asked for by a check: absolute, of plain characters, without fragment, at most 256 characters. */
export function isCheckPath(text: string): boolean {
  return text.length <= 256 && /^\/[A-Za-z0-9._~\-/%?=&+:@,]*$/.test(text);
}
