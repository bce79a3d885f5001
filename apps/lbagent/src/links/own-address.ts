import { familyOf } from '@fairlead/model';
import { MEETING_PREFIX } from '../nftables/second-chance.ts';
import type { LinkAddress, ObservedAddress } from './types.ts';

/** Link-local, and where members of a set meet. */
const NOT_OWN = new RegExp(`^(fe80:|${MEETING_PREFIX})`);

/**
 * PURE. Links that carry IPv6 VIPs and nothing else of IPv6, one sentence each: what the machine says to its nodes by IPv6
 * would have no way there, or come from a VIP.
 */
export function ownAddressProblems(
  vips: Iterable<LinkAddress>,
  observed: Iterable<ObservedAddress>,
): readonly string[] {
  const links = new Set<string>();
  for (const { device, address } of vips) if (familyOf(address) === 'ipv6') links.add(device);
  if (links.size === 0) return [];
  for (const { device, address, prefixLength, ours } of observed) {
    const isOwn = !ours && familyOf(address) === 'ipv6' && prefixLength < 128 && !NOT_OWN.test(address);
    if (isOwn) links.delete(device);
  }
  return [...links]
    .sort()
    .map(
      (link) =>
        `${link} has IPv6 addresses of load balancers and none of its own, so nodes are not reached by IPv6: give it one of the network's IPv6 subnet`,
    );
}
