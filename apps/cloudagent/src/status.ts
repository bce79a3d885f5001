import { compareVersions, type Address, type MachineReport, type Refusal, type Version } from '@fairlead/model';
import type { RefusedBackend } from './backends.ts';
import type { HeldLoadBalancer } from './truth/truth.ts';

/** What is known of one machine of a set. */
export interface MachineView {
  readonly name: string;
  /** Its stream is open and it has reported on it. */
  readonly connected: boolean;
  /** Why it is not connected; absent: it is. */
  readonly problem?: string;
  /** Its newest report in this life of the cloudagent. */
  readonly report?: MachineReport;
  /** When it was first seen to have applied each generation of this epoch, in order; `at` in milliseconds since 1970. */
  readonly acks: readonly Ack[];
  /** Its clock less ours when it last reported; milliseconds. */
  readonly clockSkewMs?: number;
}

export interface Ack {
  readonly generation: number;
  readonly at: number;
}

export type LoadBalancerState = 'PENDING' | 'SERVING' | 'REFUSED';

/** `OWNER_UNREACHABLE`: the machine that has the addresses, or may have them, cannot be told of anything. */
export type PendingReason = 'MACHINES_UNREACHABLE' | 'OWNER_UNREACHABLE';

export interface LoadBalancerStatus {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly state: LoadBalancerState;
  readonly refusal?: Refusal;
  /** With PENDING: it stays so until a person acts. With SERVING: its newest change is not served, until then. */
  readonly reason?: PendingReason;
  /** Why one of its families has no address, beside those it has. */
  readonly lacking?: Refusal;
  /** What is waited for, or what is wrong now; empty when all is well. */
  readonly message: string;
  readonly machines: readonly MachineStatus[];
  /** A backend that may not be one; the others are served. */
  readonly leftOut?: Refusal;
}

export interface MachineStatus {
  readonly machine: string;
  readonly connected: boolean;
  readonly applied: boolean;
  readonly owner: boolean;
}

/** A connected machine says that it has the newest of it; true where there is no machine to say so. PURE. */
export function isReachable({ machines }: Pick<LoadBalancerStatus, 'machines'>): boolean {
  return machines.length === 0 || machines.some(({ connected, applied }) => connected && applied);
}

/** Everything that a status depends on besides the load balancer itself. */
export interface StatusContext {
  readonly addresses: readonly Address[];
  /** Empty: its set is not declared. */
  readonly set: string;
  /** Carries its addresses. */
  readonly vrrpInstance: string;
  /** All machines of the set, in order of name. */
  readonly machines: readonly MachineView[];
  /** Endpoints that are left out. */
  readonly refusedBackends: readonly RefusedBackend[];
  /** What was changed later than this generation, no machine had when this life of the cloudagent began. */
  readonly firstGeneration: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The status, and when to look again though nothing happens. */
export interface Judged {
  readonly status: LoadBalancerStatus;
  readonly recheckAt?: number;
}

/** How long a machine that lags can hold back an address that its owner serves; milliseconds. */
export const PATIENCE_MS = 2_000;

/**
 * How long an address waits for a backend that is said to be ready to answer; milliseconds. Nodes take a second to open
 * a NodePort; one that nobody opens must not withhold the address for ever.
 */
export const ANSWER_PATIENCE_MS = 10_000;

/**
 * Serving: the owner and every other connected machine of the set applied the generation, or the owner did 2 s ago; and
 * a backend has answered the owner, when one is said to be ready.
 * What was once published stays SERVING; trouble is then told by message. A wish that is not granted is REFUSED,
 * whatever is still served for it. PURE.
 */
export function statusOf(held: HeldLoadBalancer, context: StatusContext): Judged {
  const { id, cluster, namespace, name } = held.wish;
  const { lacking } = held;
  const base = {
    id,
    cluster,
    namespace,
    name,
    addresses: context.addresses,
    machines: machineStatuses(held, context),
    ...(lacking && { lacking }),
    ...leftOutOf(context),
  };
  if (held.refusal !== undefined) {
    return { status: { ...base, state: 'REFUSED', refusal: held.refusal, message: held.refusal.message } };
  }
  if (held.published) {
    const stale = staleReason(held, context);
    const message = troubleOf(held, context);
    const status = { ...base, state: 'SERVING', message } as const;
    return { status: stale === undefined ? status : { ...status, reason: stale, message: `${AS_BEFORE}: ${message}` } };
  }
  const progress = progressOf(held, context);
  switch (progress.kind) {
    case 'serving':
      return { status: { ...base, state: 'SERVING', message: troubleOf(held, context) } };
    case 'refused':
      return { status: { ...base, state: 'REFUSED', refusal: progress.refusal, message: progress.refusal.message } };
    default: {
      const { message, reason, until } = progress;
      const status = { ...base, state: 'PENDING', message, ...(reason && { reason }) } as const;
      return until === undefined ? { status } : { status, recheckAt: until };
    }
  }
}

/** The first of those that are left out. */
function leftOutOf({ refusedBackends: [first] }: StatusContext): { leftOut?: Refusal } {
  if (first === undefined) return {};
  const message = `backend ${first.name} is left out: ${first.refusal.message}`;
  return { leftOut: { ...first.refusal, message } };
}

type Progress =
  | { readonly kind: 'serving' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'waiting';
      readonly message: string;
      readonly until?: number;
      readonly reason?: PendingReason;
    };

function progressOf(held: HeldLoadBalancer, context: StatusContext): Progress {
  const { machines, set, now } = context;
  const wait = (message: string, until?: number): Progress =>
    until === undefined ? { kind: 'waiting', message } : { kind: 'waiting', message, until };
  if (machines.length === 0) return wait(`load balancer set ${set} has no machine: add one with fairlead machines add`);
  if (!machines.some(({ connected }) => connected)) {
    const message = `no machine of load balancer set ${set} is connected: ${machines.map(away).join(', ')}`;
    return { kind: 'waiting', message, reason: 'MACHINES_UNREACHABLE' };
  }
  const owners = machines.filter((machine) => isOwner(machine, context));
  if (owners.length === 0) return ownerless(context);
  const refusals = owners.flatMap((owner) => refusalBy(owner, held) ?? []);
  if (refusals[0] !== undefined) return { kind: 'refused', refusal: refusals[0] };

  const since = owners.map((owner) => appliedAt(owner, held.generation)).filter((at) => at !== undefined);
  if (since.length === 0) return wait(`machine ${owners[0]!.name} has not applied generation ${held.generation} yet`);
  const late = machines.filter((machine) => machine.connected && !serves(machine, held));
  const answerBy = Math.min(...since) + ANSWER_PATIENCE_MS;
  if (held.wish.expectsAnswer && now < answerBy && !owners.some((owner) => answers(owner, held))) {
    return wait('no backend has answered yet', answerBy);
  }
  const until = Math.min(...since) + PATIENCE_MS;
  if (late.length === 0 || now >= until) return { kind: 'serving' };
  return wait(`waiting for ${late.map(({ name }) => `machine ${name}`).join(', ')}`, until);
}

/** Some machine is connected, and none of those owns the addresses. */
function ownerless(context: StatusContext): Progress {
  const { set } = context;
  const unreachable = unreachableOwner(context);
  if (unreachable !== undefined) return { kind: 'waiting', message: unreachable, reason: 'OWNER_UNREACHABLE' };
  return { kind: 'waiting', message: `no machine of load balancer set ${set} owns its addresses yet` };
}

/** Undefined: every machine that may own the addresses is connected. */
function unreachableOwner({ machines, vrrpInstance, set }: StatusContext): string | undefined {
  const absent = machines.filter(({ connected }) => !connected);
  if (absent.length === 0) return undefined;
  const last = absent.find(({ report }) => report?.ownedInstances.includes(vrrpInstance) === true);
  const who =
    last === undefined
      ? `no connected machine of load balancer set ${set} owns its addresses, and one that cannot be told anything may: ${absent.map(away).join(', ')}`
      : `machine ${last.name} owned its addresses when it was last heard, and cannot be told anything: ${away(last)}`;
  const name = last?.name ?? 'that machine';
  return `${who}; mend that, or let another machine take over with \`lbagent stop-serving\` on ${name}`;
}

const AS_BEFORE = 'it is served as it was before its last change';

/** Why a change of what was published is not served by whoever has its addresses; undefined: it is, or will be soon. */
function staleReason(held: HeldLoadBalancer, context: StatusContext): PendingReason | undefined {
  const { machines, firstGeneration } = context;
  if (held.generation <= firstGeneration || machines.some((machine) => isOwner(machine, context))) return undefined;
  const absent = machines.filter(({ connected }) => !connected);
  const last = absent.filter(({ report }) => report?.ownedInstances.includes(context.vrrpInstance) === true);
  const perhaps = last.length > 0 ? last : absent;
  if (perhaps.every((machine) => appliedAt(machine, held.generation) !== undefined)) return undefined;
  return machines.some(({ connected }) => connected) ? 'OWNER_UNREACHABLE' : 'MACHINES_UNREACHABLE';
}

function away({ name, problem }: MachineView): string {
  return problem === undefined ? name : `${name} (${problem})`;
}

function troubleOf(held: HeldLoadBalancer, context: StatusContext): string {
  const { machines, refusedBackends, set } = context;
  const isOwned = machines.some((machine) => isOwner(machine, context));
  const refusals = machines.flatMap((machine) => {
    const refusal = machine.connected ? refusalBy(machine, held) : undefined;
    return refusal === undefined ? [] : [`machine ${machine.name} does not serve it: ${refusal.message}`];
  });
  return [
    ...(held.lacking === undefined ? [] : [held.lacking.message]),
    ...(isOwned ? [] : [unreachableOwner(context) ?? `no machine of load balancer set ${set} owns its addresses`]),
    ...refusals,
    ...refusedBackends.map(({ name, refusal }) => `backend ${name} is left out: ${refusal.message}`),
  ].join('; ');
}

function machineStatuses(held: HeldLoadBalancer, context: StatusContext): readonly MachineStatus[] {
  return context.machines.map((machine) => ({
    machine: machine.name,
    connected: machine.connected,
    applied: held.served !== undefined && serves(machine, held),
    owner: isOwner(machine, context),
  }));
}

function isOwner({ connected, report }: MachineView, { vrrpInstance }: StatusContext): boolean {
  return connected && report?.ownedInstances.includes(vrrpInstance) === true;
}

function serves(machine: MachineView, held: HeldLoadBalancer): boolean {
  return appliedAt(machine, held.generation) !== undefined && refusalBy(machine, held) === undefined;
}

function answers({ report }: MachineView, { wish }: HeldLoadBalancer): boolean {
  return report?.unanswered.includes(wish.id) === false;
}

/** Only what a machine says of this generation counts: an older refusal was about an older wish. */
function refusalBy({ report, acks }: MachineView, { wish, generation }: HeldLoadBalancer): Refusal | undefined {
  if (report === undefined || (acks.at(-1)?.generation ?? 0) < generation) return undefined;
  return report.refused.find(({ id }) => id === wish.id);
}

function appliedAt({ acks }: MachineView, generation: number): number | undefined {
  return acks.find((ack) => ack.generation >= generation)?.at;
}

const ACKS_KEPT = 64;

/**
 * `acks` after a report: a generation counts from when it was first seen applied, and only in this epoch, because
 * another life of the cloudagent may have counted differently. PURE.
 */
export function noteAck(acks: readonly Ack[], applied: Version, epoch: number, now: number): readonly Ack[] {
  if (applied.epoch !== epoch) return [];
  const last = acks.at(-1);
  if (last !== undefined && compareVersions({ epoch, generation: last.generation }, applied) >= 0) return acks;
  return [...acks.slice(1 - ACKS_KEPT), { generation: applied.generation, at: now }];
}
