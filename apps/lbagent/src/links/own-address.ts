import { familyOf } from '@fairlead/model';
import type { LinkAddress, ObservedAddress } from './types.ts';

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
    const isOwn = !ours && familyOf(address) === 'ipv6' && prefixLength < 128 && !address.startsWith('fe80:');
    if (isOwn) links.delete(device);
  }
  return [...links]
    .sort()
    .map(
      (link) =>
        `${link} has IPv6 addresses of load balancers and none of its own, so nodes are not reached by IPv6: give it one of the network's IPv6 subnet`,
    );
}
