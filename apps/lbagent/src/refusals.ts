import { type Refusal, refusal } from '@fairlead/model';
import type { Wanted } from './wanted/wanted.ts';

export interface RefusalInput {
  readonly wanted: Wanted;
  readonly unreadable: ReadonlyMap<string, Refusal>;
  /** By map key, address, or backend: what `apply` could not do. */
  readonly failed: ReadonlyMap<string, string>;
}

/** Every load balancer that is not served, by id, with the reason. */
export function refusalsOf({ wanted, unreadable, failed }: RefusalInput): ReadonlyMap<string, Refusal> {
  const refused = new Map<string, Refusal>([...unreadable, ...wanted.refused]);
  if (failed.size === 0) return refused;
  for (const service of wanted.services.values()) {
    const why = failed.get(service.key) ?? failed.get(service.vip);
    if (why === undefined) continue;
    refused.set(service.loadBalancerId, refusal('NOT_APPLIED', '', `${why}; it is tried again every few seconds`));
  }
  return refused;
}
