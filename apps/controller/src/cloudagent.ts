import type { Address, LoadBalancer, Node, Refusal } from '@fairlead/model';
import type { Trace } from '@fairlead/telemetry';

/** The cloudagent's LoadBalancers service, in our own nouns. Every call may be repeated. */
export interface Cloudagent {
  openSession(holder: string): Promise<OpenedSession>;
  /** Nodes whose address may not be a backend; the others were taken. */
  syncNodes(session: SessionNumber, change: NodesChange, trace: Trace): Promise<readonly NodeRefusal[]>;
  ensure(session: SessionNumber, loadBalancer: LoadBalancer, trace: Trace): Promise<EnsureOutcome>;
  /** Resolves when no connected machine serves it any more; "not there" is success. */
  remove(session: SessionNumber, id: string, trace: Trace): Promise<void>;
  /** Everything once, then changes, until the signal is aborted (ends) or the cloudagent ends it (ends or throws). */
  watchStatus(session: SessionNumber, signal: AbortSignal): AsyncIterable<StatusEvent>;
}

/** Opaque; given out by the cloudagent, rising. */
export type SessionNumber = number;

export interface OpenedSession {
  readonly session: SessionNumber;
  readonly held: readonly Held[];
}

/** A load balancer that the cloudagent holds for this cluster. */
export interface Held {
  readonly id: string;
  /** Empty: not a Service, none of the controller's business. */
  readonly namespace: string;
  readonly name: string;
}

export interface NodesChange {
  readonly full: boolean;
  readonly upsert: readonly Node[];
  readonly remove: readonly string[];
}

export interface NodeRefusal {
  readonly node: string;
  readonly refusal: Refusal;
}

export type EnsureOutcome =
  | { readonly kind: 'ensured'; readonly addresses: readonly Address[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export type StatusEvent =
  | { readonly kind: 'status'; readonly status: LoadBalancerStatus }
  | { readonly kind: 'removed'; readonly id: string }
  /** Everything that was held when the watch began has been told. */
  | { readonly kind: 'initial-state-sent' };

export interface LoadBalancerStatus {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly state: 'pending' | 'serving' | 'refused';
  readonly refusal?: Refusal;
  /** With state pending: what keeps it so until a person acts, UPPER_SNAKE; absent: it is on its way. */
  readonly reason?: string;
  /** Why one of its families has no address, beside those it has. */
  readonly lacking?: Refusal;
  readonly message: string;
  /** A backend that may not be one; the others are served. */
  readonly leftOut?: Refusal;
  /** False: machines are known and none of them is connected and has applied it. */
  readonly reachable: boolean;
}

/** Another controller has opened a session for this cluster: ours counts for nothing any more. */
export class SessionSuperseded extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SessionSuperseded';
  }
}
