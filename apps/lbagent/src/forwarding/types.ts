import type { Address } from '@fairlead/model';
import type { Repair } from '../links/types.ts';

/** Where flows are sent: a node's NodePort, or a backend of its own. */
export interface Destination {
  readonly address: Address;
  readonly port: number;
}

export interface NamedDestination extends Destination {
  /** The node's or endpoint's name: what the choice goes by, so that another address is still the same place. */
  readonly name: string;
}

/** One UDP port of an address, and where its flows go. */
export interface Forward {
  readonly vip: Address;
  readonly port: number;
  /** Mixed into the choice, so that load balancers share out their nodes differently. */
  readonly loadBalancerId: string;
  /** All flows of a client's address go to one backend. Absent: each goes its own way. */
  readonly byClient?: true;
  /** Alive and staying; at least one. They get the new flows. */
  readonly backends: readonly NamedDestination[];
  /** On their way out: they keep the flows they have. */
  readonly draining: readonly Destination[];
}

/** One that is in force. */
export interface ObservedForward {
  readonly vip: Address;
  readonly port: number;
  /** Tells what it does, see `sealOf`; empty when somebody changed it. */
  readonly seal: string;
}

export interface ForwardingChange {
  readonly put: readonly Forward[];
  readonly remove: readonly Pick<ObservedForward, 'vip' | 'port'>[];
}

export interface ForwardingObserved {
  /** `absent`: nothing is forwarded, and the kernel need not remember any flow. `altered`: somebody changed the rules. */
  readonly base: 'absent' | 'intact' | 'altered';
  readonly forwards: readonly ObservedForward[];
}

/** The kernel's table `inet fairlead_udp`, and what it needs to be of use. Calls are carried out one after the other. */
export interface Forwarding {
  observe(): Promise<ForwardingObserved>;
  /** Puts right what everything stands on; says what was done. That the kernel cannot do it is told by `apply`. */
  repair(): Promise<readonly Repair[]>;
  /**
   * One transaction, made together with what it stands on when that is not there. Then the flows that have gone another
   * way so far are forgotten, so that their next packet goes the new one. Throws `ForwardingFailure`.
   */
  apply(change: ForwardingChange): Promise<void>;
  /**
   * Forgets every flow that goes where none of these sends it, once in the life of this process: what one that was killed
   * left is found by this.
   */
  forgetStrays(forwards: readonly Forward[]): Promise<void>;
  /** Takes everything away; this machine is a router no more, unless it was one before. */
  retire(): Promise<void>;
  /** What a person should know, one sentence each. */
  problems(): Promise<readonly string[]>;
  close(): Promise<void>;
}
