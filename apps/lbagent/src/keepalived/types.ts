import type { Address } from '@fairlead/model';

/** Everything keepalived and its scripts read or write. All absolute. */
export interface KeepalivedPaths {
  readonly config: string;
  /** Holds the scripts and the prepared batches; must survive a reboot. */
  readonly directory: string;
  /** Holds pid files, track file, state files and fifo; may be lost at a reboot. */
  readonly runDirectory: string;
}

export type VrrpState = 'MASTER' | 'BACKUP' | 'FAULT' | 'STOP';

/** What keepalived said last about an instance. A claim: who owns is decided by `ownedInstances`. */
export interface VrrpEvent {
  readonly instance: string;
  readonly state: VrrpState;
  /** True: it stayed MASTER against an advert of lower priority, so its addresses must be announced again. */
  readonly announce: boolean;
}

/** One instance's VIPs on one link, for the prepared batches. */
export interface InstanceAddresses {
  readonly instance: string;
  readonly device: string;
  /** Hardware address of the link; undefined when it has none to announce. */
  readonly mac?: string;
  readonly anchor: Address;
  readonly vips: readonly Address[];
}
