import type { AddressFamily } from '@fairlead/model';

/** What nft calls things of one address family, in the table `inet fairlead_udp`. */
export interface FamilyWords {
  /** Keyword of the header. */
  readonly header: 'ip' | 'ip6';
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  /** Addresses that have some forward: what comes for another UDP port of theirs is dropped. */
  readonly vips: string;
  /** Address and port of each forward. */
  readonly ports: string;
  /** The same, leading to the forward's chain. */
  readonly chains: string;
}

export const FAMILIES: Readonly<Record<AddressFamily, FamilyWords>> = {
  ipv4: { header: 'ip', type: 'ipv4_addr', vips: 'vips4', ports: 'udp4', chains: 'chains4' },
  ipv6: { header: 'ip6', type: 'ipv6_addr', vips: 'vips6', ports: 'udp6', chains: 'chains6' },
};
