import type { AddressBook, Holding, Occupied } from '@fairlead/ipam';
import type { Address, LoadBalancer, Node, Refusal, Version } from '@fairlead/model';
import type { Resource } from '../resources/types.ts';
import type { Site } from './site.ts';

/**
 * Everything the cloudagent knows that must survive it. Only `TruthKeeper` changes it, between two looks at it;
 * whoever decides reads it and returns `Changes`.
 */
export interface Truth {
  readonly counters: Counters;
  /** By `Kind/name`. */
  readonly resources: ReadonlyMap<string, Resource>;
  /** The same, by kind. */
  readonly site: Site;
  /** By id. */
  readonly loadBalancers: ReadonlyMap<string, HeldLoadBalancer>;
  /** Who holds which address, and which ones rest. */
  readonly book: AddressBook;
  /** Addresses that something other than a load balancer uses. */
  readonly occupied: readonly Occupied[];
  /** By cluster. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** By name of the set. */
  readonly sets: ReadonlyMap<string, SetRecord>;
  /** By cluster, then by node name. */
  readonly nodes: ReadonlyMap<string, ReadonlyMap<string, Node>>;
}

export interface Counters {
  readonly epoch: number;
  /** Changes that machines must hear of; never goes back, not even in a new epoch. */
  readonly generation: number;
  /** Last session number given to a controller of any cluster. */
  readonly session: number;
  /** Last number given to a load balancer that waits for an address. */
  readonly ticket: number;
}

export interface HeldLoadBalancer {
  /** As last asked for. */
  readonly wish: LoadBalancer;
  /** As served: the wish, or the last one that could be granted. Absent: none could yet. */
  readonly served?: LoadBalancer;
  /** Why the wish is not granted. */
  readonly refusal?: Refusal;
  /** Why one of its families has no address, though the wish is granted. */
  readonly lacking?: Refusal;
  /** Its place among those that wait for an address: lower is older. */
  readonly ticket?: number;
  /** Generation of the last change that machines must hear of; 0: none yet. */
  readonly generation: number;
  /** Its addresses were once told as serving; that is never taken back. */
  readonly published: boolean;
}

export interface Session {
  readonly number: number;
  /** Who opened it, for people. */
  readonly holder: string;
}

/** What a LoadBalancerSet was given when it was first seen, and keeps. */
export interface SetRecord {
  readonly virtualRouterId: number;
  readonly anchorAddress: Address;
  readonly network: string;
}

/** An address that a load balancer lets go of. */
export interface Release {
  readonly address: Address;
  /** Which of those that share it. */
  readonly id: string;
  /** Rests until then, once nobody holds it any more; free at once without it. */
  readonly until?: number;
}

/** What a decision wants changed. An undefined value in a map means: remove. */
export interface Changes {
  readonly counters?: Partial<Counters>;
  readonly resources?: ReadonlyMap<string, Resource | undefined>;
  readonly loadBalancers?: ReadonlyMap<string, HeldLoadBalancer | undefined>;
  readonly hold?: readonly Holding[];
  readonly release?: readonly Release[];
  /** Rests that are over at this time are forgotten; milliseconds since 1970. */
  readonly wakeAt?: number;
  readonly sessions?: ReadonlyMap<string, Session | undefined>;
  readonly sets?: ReadonlyMap<string, SetRecord | undefined>;
  /** By cluster; undefined: forget all nodes of the cluster. */
  readonly nodes?: ReadonlyMap<string, ReadonlyMap<string, Node | undefined> | undefined>;
}

/** What a pure decision answers, and what it wants changed; nothing when absent. */
export interface Decision<Answer> {
  readonly answer: Answer;
  readonly changes?: Changes;
}

/** The version that a decision's changes will have when machines must hear of them. PURE. */
export function nextGeneration(truth: Pick<Truth, 'counters'>): number {
  return truth.counters.generation + 1;
}

export function versionOf(truth: Pick<Truth, 'counters'>): Version {
  return { epoch: truth.counters.epoch, generation: truth.counters.generation };
}
