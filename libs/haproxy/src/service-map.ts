import { hash32 } from './hash.ts';

/** How many connections who shares the counter may have at once. */
export interface Quota {
  readonly connections: number;
  /** Small letters and digits, at most 32. */
  readonly counter: string;
}

/** A counter's name for whatever says whose it is. */
export function counterName(owner: string): string {
  return [owner, `${owner} again`].map((text) => hash32(text).toString(16).padStart(8, '0')).join('');
}

/** What the service map says of a service: `backend`, or `backend|connections|counter`. */
export function mapValue(backend: string, quota: Quota | undefined): string {
  return quota === undefined ? backend : `${backend}|${quota.connections}|${quota.counter}`;
}

export interface ServiceMap {
  /** By map key (`VIP|port`), the backend. */
  readonly services: ReadonlyMap<string, string>;
  /** By map key, `connections|counter`; only those that have a quota. */
  readonly quotas: ReadonlyMap<string, string>;
}

/** As `ServiceMap.quotas` has it. */
export function quotaText({ connections, counter }: Quota): string {
  return `${connections}|${counter}`;
}

/** Reads the reply to `show map FILE`: each line is `POINTER KEY VALUE`. */
export function parseServiceMap(reply: string): ServiceMap {
  const services = new Map<string, string>();
  const quotas = new Map<string, string>();
  for (const line of reply.split('\n')) {
    if (line === '') continue;
    const match = /^0x[0-9a-f]+ (\S+) ([^\s|]+)(?:\|(\S+))?$/.exec(line);
    if (!match) throw new Error(`show map: cannot read ${JSON.stringify(line.slice(0, 200))}`);
    services.set(match[1]!, match[2]!);
    if (match[3] !== undefined) quotas.set(match[1]!, match[3]);
  }
  return { services, quotas };
}
