import type { Address } from '@fairlead/model';

/** One address and TCP port whose connections are handed to HAProxy's transparent listener. */
export interface CaughtPort {
  readonly address: Address;
  readonly port: number;
}

/** Who may reach one port of one address. */
export interface Limit extends LimitedPort {
  /** False: half made, or half taken away; everyone may. */
  readonly inForce: boolean;
  /** CIDRs of the address's family; empty: nobody. */
  readonly allowed: readonly string[];
}

export interface LimitedPort {
  readonly address: Address;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** From one limit to another, of the same port. */
export interface LimitChange {
  readonly port: LimitedPort;
  /** Absent: stays as it is. */
  readonly inForce?: boolean;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** All that fixes the base: table, sets, chains and rules. */
export interface RulesetSettings {
  /** HAProxy's transparent listener on 127.0.0.1. */
  readonly ipv4Port: number;
  /** HAProxy's transparent listener on ::1. */
  readonly ipv6Port: number;
  /** Set on caught packets; `ip rule` sends them to the local host. The bits of `mask` are ours alone. */
  readonly mark: Mark;
  /** Whose VRRP adverts are accepted: the other members of the set. */
  readonly vrrpPeers: readonly Address[];
  /** False: this kernel has no IPv6. Absent: it has. */
  readonly ipv6?: false;
  /** Where HAProxy of this machine hears from the same peers; nobody else comes there. Absent: it does not listen. */
  readonly memory?: { readonly address: Address; readonly port: number };
  /**
   * False: connections that another member accepted are not sent on to it; `ipv4`: only those of IPv4 are, because this
   * kernel can no more. Absent: they are.
   */
  readonly secondChance?: false | 'ipv4';
}

export interface Mark {
  readonly value: number;
  readonly mask: number;
}

export interface NftablesObserved {
  /** `altered`: rules, chains or sets are not those of the settings given at the last `ensureBase`. */
  readonly base: 'intact' | 'altered' | 'missing';
  readonly caught: readonly CaughtPort[];
  readonly limits: readonly Limit[];
}

export interface CaughtChange {
  readonly add: readonly CaughtPort[];
  readonly remove: readonly CaughtPort[];
}

/** The kernel's table `inet fairlead`. Calls are carried out one after the other. */
export interface Nftables {
  /** What is really in the kernel; a table flushed by somebody shows as missing or altered. */
  observe(): Promise<NftablesObserved>;
  /** Puts table, sets, chains and rules in place, in one transaction; elements of the sets stay as they are. */
  ensureBase(settings: RulesetSettings): Promise<void>;
  /** One transaction. Adding what is there is success; so is removing what is not. Throws `NftablesFailure`. */
  apply(change: CaughtChange): Promise<void>;
  /**
   * Opens and closes ports to clients. A port that gets other ranges goes from one list to the other in one transaction;
   * a limit is filled before it is in force, and emptied after. Throws `NftablesFailure`; some of it may be done then.
   */
  limit(changes: readonly LimitChange[]): Promise<void>;
  close(): Promise<void>;
}
