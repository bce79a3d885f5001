import type { LoadBalancer } from '@fairlead/model';
import type { Logger, Trace } from '@fairlead/telemetry';
import { announceChange, announceDeleted, announceDeleting, announceEnsured } from './events/announce.ts';
import type { Announcement } from './events/announce.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { ServiceObject } from './cluster/objects.ts';
import { FINALIZER, keyOf, OURS } from './cluster/objects.ts';
import type { ServiceWriter } from './cluster/service-writer.ts';
import type { Desired } from './desired.ts';
import { desired } from './desired.ts';
import type { Place } from './places.ts';
import type { Ensured, Session } from './session.ts';
import type { StatusChange, Verdict } from './status.ts';
import { ingressText, statusChange } from './status.ts';

export interface ReconcileParts {
  /** Name of the Kubernetes cluster, as the cloudagent knows it. */
  readonly clusterName: string;
  readonly defaultClass: boolean;
  readonly cluster: Cluster;
  readonly session: Session;
  readonly writer: ServiceWriter;
  /** Tells people; never waits, never throws. */
  readonly announce: (announcement: Announcement) => void;
  /** A Service that had no address has been given one. */
  readonly onPublished: (key: string) => void;
  /** By UID, status.loadBalancer as we last wrote it: what differs was written by somebody else. */
  readonly published: Map<string, string>;
  /** Milliseconds, monotonic, the session's. */
  readonly now: () => number;
  readonly wallClock: () => Date;
  /** Told of each step that has been taken. */
  readonly reached?: (place: Place) => void;
}

/** One turn: its story, and the log line writer that belongs to it. */
export interface Turn {
  readonly trace: Trace;
  readonly log: Logger;
}

/** Undefined: nothing more to do until something changes. */
export type Outcome = { readonly againAfterMs: number } | undefined;

/**
 * Brings one Service nearer to what it asks for: what it should be → ensured by the cloudagent → told on the Service
 * together with the finalizer, the address only once machines serve it. And back: nothing serves it → told → finalizer,
 * last of all. A Service that vanishes before its finalizer is on is found as a stranger, as after a crash.
 */
export async function reconcile(key: string, parts: ReconcileParts, turn: Turn): Promise<Outcome> {
  const { cluster, session } = parts;
  if (!cluster.synced) return undefined;
  const service = cluster.service(key);
  if (!session.open) return reconcileAlone(service, parts, turn);
  await removeStrangers(key, service, parts, turn);
  if (service === undefined) return undefined;
  const wish = wishOf(service, parts);
  if (wish === undefined) return undefined;
  if (wish.kind === 'not-ours') return release(service, parts, turn);
  if (wish.kind === 'refused') return tell(service, { ...wish, ...runningOf(service, session) }, parts, turn);
  const ensured = await ask(key, wish.loadBalancer, parts, turn);
  announceEnsured(service, wish.loadBalancer, ensured, cluster.nodes()).forEach(parts.announce);
  return publish(service, ensured, parts, turn);
}

/** A Service that is being deleted wants nothing. Undefined: its namespace has not been seen yet, and will wake us. */
function wishOf(service: ServiceObject, { cluster, clusterName, defaultClass }: ReconcileParts): Desired | undefined {
  if (service.metadata.deletionTimestamp !== undefined) return { kind: 'not-ours' };
  const namespaceLabels = cluster.namespaceLabels(service.metadata.namespace);
  if (namespaceLabels === undefined) return undefined;
  const slices = cluster.slices(keyOf(service.metadata));
  return desired(service, { cluster: clusterName, defaultClass, namespaceLabels, slices });
}

/** Load balancers of earlier Services of the same name: the UID is the identity. */
async function removeStrangers(
  key: string,
  service: ServiceObject | undefined,
  { session }: ReconcileParts,
  { trace, log }: Turn,
): Promise<void> {
  for (const id of session.heldFor(key)) {
    if (id === service?.metadata.uid) continue;
    log.info({ service: key, id }, 'removing a load balancer whose Service is gone');
    await session.remove(id, trace);
  }
}

async function ask(key: string, loadBalancer: LoadBalancer, parts: ReconcileParts, turn: Turn): Promise<Ensured> {
  const ensured = await parts.session.ensure(loadBalancer, turn.trace);
  if (ensured.sent) {
    turn.log.info({ service: key, id: loadBalancer.id, ...ensured.outcome }, 'asked for');
    parts.reached?.('after-ensure');
  }
  return ensured;
}

/** So long a Service may be on its way without a word: what is served within it costs one status write, not two. */
const PATIENCE_MS = 1_000;

/** Tells what has become of a wish: the address when machines serve it, what is missing when it takes long. */
async function publish(service: ServiceObject, ensured: Ensured, parts: ReconcileParts, turn: Turn): Promise<Outcome> {
  const current = parts.cluster.service(keyOf(service.metadata)) ?? service;
  const served = parts.session.served(service.metadata.uid);
  if (served === undefined || current.metadata.uid !== service.metadata.uid) return undefined;
  const young = ensured.since + PATIENCE_MS - parts.now();
  const change = statusChange(current, { kind: 'wanted', served }, stamp(parts));
  if (served.state === 'pending' && young > 0 && change?.ingress === undefined) return { againAfterMs: young };
  const hold = !current.metadata.finalizers.includes(FINALIZER);
  if (change !== undefined) await write(current, { ...change, hold }, parts, turn);
  else if (hold) await parts.writer.addFinalizer(current);
  return ensured.retryMs === undefined ? undefined : { againAfterMs: ensured.retryMs };
}

async function tell(service: ServiceObject, verdict: Verdict, parts: ReconcileParts, turn: Turn): Promise<undefined> {
  const change = statusChange(service, verdict, stamp(parts));
  if (change !== undefined) await write(service, { ...change, hold: false }, parts, turn);
}

async function write(
  service: ServiceObject,
  { hold, ...change }: StatusChange & { readonly hold: boolean },
  parts: ReconcileParts,
  { log }: Turn,
): Promise<void> {
  const { uid } = service.metadata;
  const lastWritten = parts.published.get(uid);
  const forged =
    change.ingress !== undefined && lastWritten !== undefined && lastWritten !== ingressText(service.status.ingress);
  parts.reached?.('before-status');
  if ((await parts.writer.changeStatus(service, change, hold)) === 'gone') return;
  parts.reached?.('after-status');
  if (change.ingress !== undefined) parts.published.set(uid, ingressText(change.ingress));
  const isFirst = service.status.ingress.length === 0 && (change.ingress ?? []).length > 0;
  if (isFirst) parts.onPublished(keyOf(service.metadata));
  const conditions = change.setConditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  log.info(
    { service: keyOf(service.metadata), ingress: change.ingress?.map(({ ip }) => ip), conditions },
    'status told',
  );
  announceChange(service, change, forged).forEach(parts.announce);
}

/** What still runs from before a wish that is refused. */
function runningOf(service: ServiceObject, session: Session): Pick<Extract<Verdict, { kind: 'refused' }>, 'served'> {
  const served = session.served(service.metadata.uid);
  return served === undefined ? {} : { served };
}

/** A Service that is being deleted, or no longer of our type or class: everything of ours goes, the finalizer last. */
async function release(service: ServiceObject, parts: ReconcileParts, { trace, log }: Turn): Promise<undefined> {
  const { session, writer, announce, published, reached } = parts;
  const { uid, finalizers, deletionTimestamp } = service.metadata;
  const held = finalizers.includes(FINALIZER) || session.heldFor(keyOf(service.metadata)).includes(uid);
  if (held) {
    announce(announceDeleting(service));
    await session.remove(uid, trace);
    reached?.('after-release');
    announce(announceDeleted(service));
    log.info({ service: keyOf(service.metadata), uid }, 'removed its load balancer');
  }
  const vanishes = deletionTimestamp !== undefined && finalizers.every((finalizer) => finalizer === FINALIZER);
  const change = vanishes ? undefined : statusChange(service, { kind: 'released', held }, stamp(parts));
  if (change !== undefined) await writer.changeStatus(service, change);
  if (finalizers.includes(FINALIZER)) {
    reached?.('before-finalizer-removal');
    await writer.removeFinalizer(service);
    reached?.('after-finalizer-removal');
  }
  published.delete(uid);
}

/**
 * Without the cloudagent nothing can be made or taken away, and what is published stays. A new Service gets a word all
 * the same, so that its author does not wait in the dark.
 */
async function reconcileAlone(service: ServiceObject | undefined, parts: ReconcileParts, turn: Turn): Promise<Outcome> {
  if (service === undefined || service.metadata.deletionTimestamp !== undefined) return undefined;
  const isNew =
    service.status.ingress.length === 0 &&
    !service.status.conditions.some((condition) => condition.type.startsWith(OURS));
  const wish = isNew ? wishOf(service, parts) : undefined;
  if (wish === undefined || wish.kind === 'not-ours') return undefined;
  if (wish.kind === 'refused') return tell(service, wish, parts, turn);
  const waited = parts.now() - parts.session.closedSince;
  if (waited < ALONE_MS) return { againAfterMs: ALONE_MS - waited };
  const message = 'The cloudagent does not answer; see the log of the controller.';
  return tell(
    service,
    { kind: 'wanted', served: { addresses: [], state: 'pending', message, lost: false } },
    parts,
    turn,
  );
}

/** A cloudagent that restarts is back sooner. */
const ALONE_MS = 10_000;

function stamp({ wallClock }: ReconcileParts): string {
  return wallClock()
    .toISOString()
    .replace(/\.\d+Z$/, 'Z');
}
