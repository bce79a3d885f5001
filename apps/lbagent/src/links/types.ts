import type { Address } from '@fairlead/model';
import type { Mark } from '../nftables/types.ts';

/** A VIP on a link of this machine, always as a host route: /32 or /128. */
export interface LinkAddress {
  readonly device: string;
  readonly address: Address;
  /** False: somebody else routes it to this machine, so neighbours need not be told. Absent: they are. */
  readonly announce?: boolean;
}

export interface ObservedAddress extends LinkAddress {
  readonly prefixLength: number;
  /** It carries lbagent's mark (an address metric): lbagent or the prepared batch put it there. */
  readonly ours: boolean;
}

export interface ObservedLink {
  readonly device: string;
  readonly up: boolean;
  /** Hardware address; undefined for links without one. */
  readonly mac?: string;
}

export interface LinksObserved {
  readonly links: readonly ObservedLink[];
  readonly addresses: readonly ObservedAddress[];
}

/** What a caller believes of the links. */
export interface LinksKnown {
  /** By `linkAddressKey`. */
  readonly addresses: ReadonlyMap<string, unknown>;
  readonly links: readonly ObservedLink[];
}

/** A change that the kernel tells of. */
export type LinkNews =
  | { readonly kind: 'address'; readonly device: string; readonly address: Address; readonly there: boolean }
  | {
      readonly kind: 'link';
      readonly device: string;
      readonly there: boolean;
      readonly up: boolean;
      readonly mac?: string;
    }
  /** Anything may be different. */
  | { readonly kind: 'unknown' };

export interface LinkAddressChange {
  readonly add: readonly LinkAddress[];
  readonly remove: readonly LinkAddress[];
}

/** An address that could not be added or removed, with the kernel's word for why. */
export interface LinkAddressFailure extends LinkAddress {
  readonly message: string;
}

/** How caught packets and answers find their way. */
export interface RoutingSettings {
  readonly mark: Mark;
  /** Number of the routing table that delivers caught packets to this host. */
  readonly table: number;
  /** Priority of its rule. */
  readonly rulePriority: number;
  /** Links that carry VIPs. */
  readonly devices: readonly string[];
  /** False: this kernel has no IPv6. Absent: it has. */
  readonly ipv6?: false;
  /** Absent: nobody looks for this machine there. */
  readonly meeting?: MeetingPlace;
}

/** An IPv6 address of this machine at which the other members find it. */
export interface MeetingPlace {
  readonly device: string;
  readonly address: Address;
}

/** One difference found and repaired, as a sentence. */
export type Repair = string;

/** The kernel's links, addresses, policy routes and sysctls. Calls are carried out one after the other. */
export interface Links {
  observe(): Promise<LinksObserved>;
  /**
   * Adds, then removes. Adding what is there and removing what is not is success. The rest of the list goes on after a
   * failure. What was added is announced right behind it, without being waited for, and again half a second later: a client
   * that asked before the address was there asks again only after 1 s, and one that knows an old place not for seconds.
   */
  apply(change: LinkAddressChange): Promise<readonly LinkAddressFailure[]>;
  /** Tells the neighbours of these links where all their addresses are now. Returns what could not be announced. */
  announce(devices: readonly string[]): Promise<readonly string[]>;
  /** Puts rule, route and sysctls in place; returns what had to be repaired (empty: nothing was amiss). */
  ensureRouting(settings: RoutingSettings): Promise<readonly Repair[]>;
  /** Calls back at once when an address or link changes, whoever changed it. Returns the way to stop. */
  watch(listener: (news: LinkNews) => void): () => void;
  close(): Promise<void>;
}
