import { allowedSources, familyOf, sourceCheck } from '@fairlead/model';
import type { Limit, LimitChange, LimitedPort } from '../nftables/types.ts';
import { type Halves, inOrder, type Step } from './step.ts';
import type { Wanted, WantedService } from '../wanted/wanted.ts';

/**
 * What makes every service open to those it should be open to. A limit comes before anything else of its service, and goes
 * after everything else of it.
 */
export function planLimits(wanted: Wanted, observed: ReadonlyMap<string, Limit>): Halves {
  const change = (key: string, from: Limit | undefined, to: Limit | undefined): Step[] => {
    if (from === to || !differs(from, to)) return [];
    return [{ kind: 'limit', key, ...(from ? { from } : {}), ...(to ? { to } : {}) }];
  };
  const add = inOrder(wanted.services).flatMap(([key, service]) => change(key, observed.get(key), limitOf(service)));
  const gone = inOrder(observed).filter(([key]) => !wanted.services.has(key));
  return { add, remove: gone.flatMap(([key, limit]) => change(key, limit, undefined)) };
}

function limitOf({ vip, port, protocol, allowed }: WantedService): Limit | undefined {
  return allowed && { address: vip, protocol: protocol === 'UDP' ? 'udp' : 'tcp', port, inForce: true, allowed };
}

/** Whether they let in others, as far as ranges tell that are apart. */
export function differs(from: Limit | undefined, to: Limit | undefined): boolean {
  if (from?.inForce !== to?.inForce) return true;
  const [before, after] = [from?.allowed ?? [], to?.allowed ?? []];
  if (before === after) return false;
  const known = new Set(before);
  return before.length !== after.length || after.some((source) => !known.has(source));
}

/**
 * What to do to get from one to the other; at least one is there. Where somebody has put a range inside another, all of
 * them are put anew, because the kernel cannot tell the two apart when one is to go.
 */
export function limitChange(from: Limit | undefined, to: Limit | undefined): LimitChange {
  const { address, protocol, port } = (to ?? from)!;
  const at: LimitedPort = { address, protocol, port };
  const inForce = (from?.inForce ?? false) === (to?.inForce ?? false) ? {} : { inForce: to?.inForce ?? false };
  const [before, after] = [from?.allowed ?? [], to?.allowed ?? []];
  if (areNested(before, at)) return { port: at, ...inForce, add: after, remove: before };
  const [old, next] = [new Set(before), new Set(after)];
  return {
    port: at,
    ...inForce,
    add: after.filter((source) => !old.has(source)),
    remove: before.filter((source) => !next.has(source)),
  };
}

function areNested(sources: readonly string[], { address }: LimitedPort): boolean {
  return allowedSources(sources, familyOf(address))?.length !== sources.length;
}

/** Of each service that is not open to everyone, whom it is open to. */
export type Enforced = ReadonlyMap<string, Limit>;

/** By service, the clients that it is not open to any more; only services whose limit is not the one `before`. */
export function shutOutSince(before: Enforced, now: Enforced): ReadonlyMap<string, (client: string) => boolean> {
  const changed = [...now].filter(([key, limit]) => limit.inForce && before.get(key) !== limit);
  return new Map(
    changed.map(([key, { allowed }]) => {
      const isAllowed = sourceCheck(allowed);
      return [key, (client: string) => !isAllowed(client)];
    }),
  );
}
