import type { Address, Refusal } from '@fairlead/model';
import type { Condition, Ingress, IngressPort, ServiceObject } from './cluster/objects.ts';
import { OURS } from './cluster/objects.ts';

/** What the cloudagent says of one load balancer. */
export interface Served {
  readonly addresses: readonly Address[];
  readonly state: 'pending' | 'serving' | 'refused';
  /** With state refused. */
  readonly refusal?: Refusal;
  /** UPPER_SNAKE: what keeps it pending, or its last change from being served, until a person acts. */
  readonly reason?: string;
  /** Why one of its families has no address, beside those it has. */
  readonly lacking?: Refusal;
  /** For people: what is waited for or what is wrong; empty when all is well. */
  readonly message: string;
  /** A backend that may not be one; the others are served. */
  readonly leftOut?: Refusal;
  /** True: it was serving, and no machine has said for a while that it still does. */
  readonly lost: boolean;
}

/** All that is known of a Service, to be told on it. */
export type Verdict =
  /** Nothing of ours runs for it any more. `held`: it was ours, so addresses that HAProxy served are withdrawn. */
  | { readonly kind: 'released'; readonly held: boolean }
  /** Wishes that are not served; `served` is what still runs from before they were made. */
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[]; readonly served?: Served }
  | { readonly kind: 'wanted'; readonly served: Served };

/** A change of services/status; an absent part stays as it is. */
export interface StatusChange {
  readonly ingress?: readonly Ingress[];
  readonly setConditions: readonly Condition[];
  /** Types of conditions of ours to take away. */
  readonly removeConditions: readonly string[];
}

/**
 * What must be written so that the Service tells the truth, or undefined when it does: an unchanged Service costs no write.
 * `now` is RFC 3339, for conditions whose status changes. A published address is withdrawn only when it is no longer held;
 * one that nobody gave out is removed.
 */
export function statusChange(service: ServiceObject, verdict: Verdict, now: string): StatusChange | undefined {
  const ingress = wantedIngress(service, verdict);
  const conditions = wantedConditions(verdict, (ingress ?? []).length > 0);
  const current = service.status.conditions;
  const setConditions = conditions.flatMap((wanted) => {
    const before = current.find((condition) => condition.type === wanted.type);
    if (before !== undefined && !differs(before, wanted)) return [];
    const lastTransitionTime = before?.status === wanted.status ? before.lastTransitionTime : now;
    const { type, status, reason, message } = wanted;
    return [{ type, status, reason, message, lastTransitionTime }];
  });
  const removeConditions = current
    .map((condition) => condition.type)
    .filter((type) => OUR_CONDITIONS.includes(type) && !conditions.some((wanted) => wanted.type === type));
  const ingressDiffers = ingress !== undefined && ingressText(service.status.ingress) !== ingressText(ingress);
  if (!ingressDiffers && setConditions.length === 0 && removeConditions.length === 0) return undefined;
  return { ...(ingressDiffers ? { ingress } : {}), setConditions, removeConditions };
}

// undefined: not ours to write.
function wantedIngress(service: ServiceObject, verdict: Verdict): readonly Ingress[] | undefined {
  if (verdict.kind === 'released') {
    // Only we write entries with this mode beside our finalizer.
    return verdict.held ? service.status.ingress.filter((entry) => entry.ipMode !== 'Proxy') : undefined;
  }
  const addresses = verdict.served?.addresses ?? [];
  const shown =
    verdict.served?.state === 'serving'
      ? addresses
      : addresses.filter((address) => service.status.ingress.some((entry) => entry.ip === address));
  const refusals = verdict.kind === 'refused' ? verdict.refusals : [];
  return shown.map((ip) => ({ ip, ipMode: 'Proxy', ports: ingressPorts(service, refusals) }));
}

function ingressPorts(service: ServiceObject, refusals: readonly Refusal[]): IngressPort[] {
  return service.spec.ports.map((port, index) => {
    const refused = refusals.find((refusal) => refusal.field.startsWith(`spec.ports[${index}].`));
    const error = refused === undefined ? {} : { error: `${OURS}${camelCase(refused.reason)}` };
    return { port: port.port, protocol: port.protocol ?? 'TCP', ...error };
  });
}

/** Equal texts, equal entries, after the API server's defaults: ipMode VIP for an entry with an ip. */
export function ingressText(entries: readonly Ingress[]): string {
  const rows = entries.map(({ ip, hostname, ipMode, ports }) => {
    const mode = ipMode ?? (ip === undefined ? '' : 'VIP');
    return [ip ?? '', hostname ?? '', mode, (ports ?? []).map((port) => [port.port, port.protocol, port.error ?? ''])];
  });
  return JSON.stringify(rows);
}

const ACCEPTED = 'fairlead.dev/Accepted';
const ADDRESS_ALLOCATED = 'fairlead.dev/AddressAllocated';
const PROGRAMMED = 'fairlead.dev/Programmed';
/** Of AddressAllocated: a Service with PreferDualStack has an address, but not of both families. */
export const PARTLY_ALLOCATED = 'PartlyAllocated';
/** Reason of Programmed when it is served without some of its backends. */
export const LEFT_OUT = 'BackendLeftOut';
const OUR_CONDITIONS: readonly string[] = [ACCEPTED, ADDRESS_ALLOCATED, PROGRAMMED];

interface WantedCondition extends Omit<Condition, 'lastTransitionTime'> {
  /** True: the message follows from the user's wish alone, so a new one is worth a write. */
  readonly exactMessage: boolean;
}

function differs(before: Condition, wanted: WantedCondition): boolean {
  if (before.status !== wanted.status || before.reason !== wanted.reason) return true;
  return wanted.exactMessage && before.message !== wanted.message;
}

function wantedConditions(verdict: Verdict, published: boolean): WantedCondition[] {
  if (verdict.kind === 'released') return [];
  if (verdict.kind === 'wanted') return [accepted(verdict.served), ...stages(verdict.served, published)];
  const running =
    verdict.served !== undefined && verdict.served.addresses.length > 0 ? stages(verdict.served, published) : [];
  const kept = running.length === 0 ? '' : ' What was served before this change goes on.';
  const message = clip(`${sentences(verdict.refusals)}${kept}`);
  const reason = camelCase(verdict.refusals[0]?.reason ?? 'REFUSED');
  return [{ type: ACCEPTED, status: 'False', reason, message, exactMessage: true }, ...running];
}

const ACCEPTED_TRUE: WantedCondition = {
  type: ACCEPTED,
  status: 'True',
  reason: 'Accepted',
  message: 'Every field of this Service is served.',
  exactMessage: true,
};

/** What the site, and not a field's own rule, stands against. */
function accepted({ refusal }: Served): WantedCondition {
  if (refusal === undefined || !isAboutMode(refusal)) return ACCEPTED_TRUE;
  const reason = camelCase(refusal.reason);
  return { type: ACCEPTED, status: 'False', reason, message: clip(refusal.message), exactMessage: true };
}

/** The conditions AddressAllocated and Programmed. */
function stages(served: Served, published: boolean): WantedCondition[] {
  return [addressAllocated(served), programmed(served, published)];
}

function addressAllocated({ addresses, refusal, lacking, message }: Served): WantedCondition {
  const type = ADDRESS_ALLOCATED;
  if (refusal !== undefined && isAboutAddress(refusal)) {
    const exactMessage = refusal.field !== '';
    return { type, status: 'False', reason: camelCase(refusal.reason), message: clip(refusal.message), exactMessage };
  }
  if (addresses.length > 0 && lacking !== undefined) {
    const text = clip(
      `An address is held for this Service (${addresses.join(', ')}), but not all that it asks for: ${lacking.message}.`,
    );
    return { type, status: 'True', reason: PARTLY_ALLOCATED, message: text, exactMessage: lacking.field !== '' };
  }
  if (addresses.length > 0) {
    return {
      type,
      status: 'True',
      reason: 'Allocated',
      message: 'An address is held for this Service.',
      exactMessage: true,
    };
  }
  return {
    type,
    status: 'False',
    reason: 'Pending',
    message: clip(message || 'Waiting for an address.'),
    exactMessage: false,
  };
}

function programmed(served: Served, published: boolean): WantedCondition {
  const { addresses, state, refusal, reason, message, lost, leftOut } = served;
  const type = PROGRAMMED;
  const exactMessage = false;
  if (state === 'serving' && reason !== undefined) {
    return { type, status: 'False', reason: camelCase(reason), message: clip(message), exactMessage };
  }
  if (state === 'serving' && lost) {
    const text = clip(message || 'No LB machine says that it serves this address; see fairlead show.');
    return { type, status: 'Unknown', reason: 'MachinesUnreachable', message: text, exactMessage };
  }
  // Another address was asked for and refused: the one it has goes on being served.
  const keepsServing = published && refusal !== undefined && (isAboutAddress(refusal) || isAboutMode(refusal));
  if (state === 'serving' && leftOut !== undefined) {
    return { type, status: 'True', reason: LEFT_OUT, message: clip(leftOut.message), exactMessage };
  }
  if (state === 'serving' || keepsServing) {
    return { type, status: 'True', reason: 'Serving', message: 'LB machines serve this address.', exactMessage };
  }
  if (refusal !== undefined && !isAboutAddress(refusal) && !isAboutMode(refusal)) {
    return { type, status: 'False', reason: camelCase(refusal.reason), message: clip(refusal.message), exactMessage };
  }
  if (addresses.length === 0) {
    return { type, status: 'False', reason: 'NoAddress', message: 'There is no address to serve yet.', exactMessage };
  }
  const text = clip(message || 'Waiting for the LB machines.');
  return { type, status: 'False', reason: camelCase(reason ?? 'PENDING'), message: text, exactMessage };
}

/** True: no address could be given. False: there is one, but it cannot be served as asked. */
export function isAboutAddress(refusal: Refusal): boolean {
  return /^(ADDRESS|POOL|NO_POOL|QUOTA)(_|$)/.test(refusal.reason);
}

/** True: the way to its backends that was asked for cannot be had. */
function isAboutMode({ reason }: Refusal): boolean {
  return reason.startsWith('POD_MODE_');
}

/** `POOL_EXHAUSTED` → `PoolExhausted`: the form that Kubernetes wants of a condition's reason. */
export function camelCase(reason: string): string {
  const words = reason.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1).toLowerCase()).join('');
  return /^[A-Za-z]/.test(joined) ? joined.slice(0, 256) : 'Refused';
}

export function sentences(refusals: readonly Refusal[]): string {
  return refusals.map((refusal) => refusal.message).join(' ');
}

// Kubernetes takes 32,768 characters of a condition and 1,024 of an event; nobody reads more than the latter.
export function clip(message: string): string {
  return message.length <= 1024 ? message : `${message.slice(0, 1000)} … (and more)`;
}
