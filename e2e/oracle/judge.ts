import { judgeAllocations } from './judge-allocations.ts';
import { judgeAnswers } from './judge-answers.ts';
import { judgeMachines } from './judge-machines.ts';
import { judgeServices } from './judge-services.ts';
import { judgeShares } from './judge-shares.ts';
import type { Observation } from './observation.ts';
import type { Violation } from './violation.ts';

/**
 * Every way in which a site at rest is not as promised, whatever was done to it before: no address held twice (unless it is
 * shared), lost or leaked; allocated, told, rendered and in the kernel the same; every live Service answers; nothing served that nobody
 * asked for; one owner for each address. Empty: the oracle holds.
 */
export function judge(observation: Observation): Violation[] {
  return [
    ...judgeShares(observation),
    ...judgeAllocations(observation),
    ...judgeServices(observation),
    ...judgeMachines(observation),
    ...judgeAnswers(observation),
  ];
}

/** The site as if it had none of these machines: for those that are cut off or without power, of which nothing is promised. */
export function without(away: readonly string[], { machines, site, ...rest }: Observation): Observation {
  const isHere = ({ name }: { readonly name: string }) => !away.includes(name);
  return { ...rest, machines: machines.filter(isHere), site: { ...site, machines: site.machines.filter(isHere) } };
}

/**
 * Services that kept their identity from `before` to `after` and not their address, one sentence each; a Service that
 * had none before is not among them.
 */
export function moved(before: Observation, after: Observation): string[] {
  const addressesIn = ({ services, site }: Observation) =>
    services === undefined
      ? site.loadBalancers.map(({ id, name, addresses }) => ({ id, name, addresses }))
      : services.map(({ uid, name, ingress }) => ({ id: uid, name, addresses: ingress }));
  const later = new Map(addressesIn(after).map((each) => [each.id, each.addresses]));
  return addressesIn(before).flatMap(({ id, name, addresses }) => {
    const now = later.get(id);
    if (now === undefined || addresses.length === 0 || sameSet(addresses, now)) return [];
    return [`${name} had ${addresses.join(', ')} and has ${now.join(', ') || 'no address'} now.`];
  });
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join() === other.toSorted().join();
}
