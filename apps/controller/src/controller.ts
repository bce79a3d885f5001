import type { Clock } from '@fairlead/control-loop';
import { pause } from '@fairlead/control-loop';
import type { Logger, Registry } from '@fairlead/telemetry';
import { newTrace } from '@fairlead/telemetry';
import { announceNodeRefused } from './events/announce.ts';
import { type Complaints, createComplaints } from './complaints.ts';
import type { Cloudagent } from './cloudagent.ts';
import type { Api } from './cluster/api.ts';
import type { Cluster } from './cluster/cluster.ts';
import { createCluster } from './cluster/cluster.ts';
import { createServiceWriter } from './cluster/service-writer.ts';
import type { EventRecorder } from './events/event-recorder.ts';
import { createEventRecorder } from './events/event-recorder.ts';
import type { Election } from './leadership/leader-election.ts';
import { createElection } from './leadership/leader-election.ts';
import type { ElectionTimes } from './leadership/leadership.ts';
import type { Metrics } from './metrics.ts';
import { registerMetrics } from './metrics.ts';
import { describeNode } from './wanted/nodes.ts';
import type { Place } from './places.ts';
import type { ReconcileParts } from './reconcile.ts';
import { reconcile } from './reconcile.ts';
import type { Session } from './session.ts';
import { createSession } from './session.ts';
import { suspendAwareClock } from './leadership/suspend-aware-clock.ts';
import type { Turns } from './turns.ts';
import { createTurns } from './turns.ts';

export interface ControllerOptions {
  readonly clusterName: string;
  readonly defaultClass: boolean;
  readonly identity: string;
  readonly leaseNamespace: string;
  readonly leaseName: string;
  readonly workers: number;
  readonly electionTimes: ElectionTimes;
  /** How long a silent watch is believed; the API server ends each before that. */
  readonly watchIdleMs?: number;
  readonly api: Api;
  readonly cloudagent: Cloudagent;
  /** What a failed call of the cloudagent means: one sentence on what is wrong and what to do. */
  readonly explain: (error: unknown) => string;
  readonly clock: Clock;
  readonly wallClock: () => Date;
  readonly random: () => number;
  readonly log: Logger;
  readonly registry: Registry;
  /** Where a test ends the process. */
  readonly reached?: (place: Place) => void;
  /** Told when the process must end at once. */
  readonly onLeadershipLost: (why: string) => void;
}

export interface Controller {
  /** What is wrong, for readiness; empty when all is well. */
  problems(): readonly string[];
  /** Works until the signal is aborted; resolves when the last turn has ended. */
  run(signal: AbortSignal): Promise<void>;
  /** After `run`: writes the events that wait and lets another lead. */
  retire(): Promise<void>;
}

/** A part of `Complaints`. */
const LEASE = 'the lease';
const RESYNC_MS = 600_000;
const STALE_MS = 180_000;
const ALONE_MS = 10_000;
const LAST_WORDS_MS = 2_000;

/** The parts, which call each other by way of this one object. */
interface Parts {
  readonly election: Election;
  readonly cluster: Cluster;
  readonly session: Session;
  readonly recorder: EventRecorder;
  readonly turns: Turns;
  readonly metrics: Metrics;
  readonly complaints: Complaints;
  /** Resolves when we lead and know the cluster. */
  readonly ready: PromiseWithResolvers<void>;
}

/** Puts the parts together: what changes marks keys, the queue works on them while we lead. */
export function createController(options: ControllerOptions): Controller {
  const ready = Promise.withResolvers<void>();
  const begin = (): void => {
    if (!election.leads() || !cluster.synced) return;
    ready.resolve();
    turns.markAll();
  };
  const complaints = createComplaints(options.clock, options.log);
  const election = takePart({ ...options, complaints }, begin);
  const cluster = createCluster({
    service: (key) => turns.mark(key),
    ownWrite: (key) => turns.markNews(key),
    nodes: () => turns.markNodes(),
    synced: begin,
  });
  const recorder = recordEvents(options, () => parts);
  const session = speak(options, () => parts);
  const turns = takeTurns({ ...options, complaints }, { election, cluster, session, recorder }, () => metrics);
  const metrics = registerMetrics(options.registry, {
    cluster,
    session,
    leads: () => election.leads(),
    queueDepth: () => turns.depth(),
    eventsWaiting: () => recorder.waiting,
    now: () => options.clock.now(),
  });
  const parts: Parts = { election, cluster, session, recorder, turns, metrics, complaints, ready };
  return {
    problems: () => problemsOf(options, parts),
    run: (signal) => run(options, parts, signal),
    async retire() {
      await Promise.race([recorder.drained(), pause(options.clock, LAST_WORDS_MS, new AbortController().signal)]);
      await election.release();
    },
  };
}

function takePart(options: ControllerOptions & { readonly complaints: Complaints }, begin: () => void): Election {
  const { api, clock, wallClock, random, log, complaints } = options;
  let lastHolder = '';
  return createElection({
    api,
    namespace: options.leaseNamespace,
    leaseName: options.leaseName,
    me: options.identity,
    times: options.electionTimes,
    clock: suspendAwareClock(clock, () => wallClock().getTime()),
    wallClock,
    random,
    onLeading() {
      log.info({ identity: options.identity }, 'leading');
      begin();
    },
    onLost: options.onLeadershipLost,
    onFailure: (error) => complaints.report(LEASE, error),
    onHolder(holder) {
      if (holder !== options.identity) complaints.clear(LEASE);
      if (holder !== lastHolder) log.info({ holder }, 'who leads');
      lastHolder = holder;
    },
  });
}

function recordEvents({ api, identity, clock, wallClock }: ControllerOptions, parts: () => Parts): EventRecorder {
  return createEventRecorder({
    api,
    instance: identity,
    leads: () => parts().election.leads(),
    busy() {
      const { ready, running } = parts().turns.depth();
      return ready + running > 0;
    },
    clock,
    wallClock,
    onLost(err) {
      parts().metrics.eventLost();
      parts().complaints.report('events', err);
    },
  });
}

function speak(options: ControllerOptions, parts: () => Parts): Session {
  const { cloudagent, identity, clock, random, log, explain } = options;
  let told = '';
  return createSession({
    cloudagent,
    holder: identity,
    mayOpen: () => parts().election.leads(),
    nodes: () => parts().cluster.nodes().map(describeNode),
    clock,
    random,
    newTrace,
    onOpen() {
      const { cluster, session, turns } = parts();
      told = '';
      log.info({ services: cluster.serviceKeys().length, held: session.heldKeys().length }, 'session open');
      turns.markAll();
    },
    onStatus: (key) => parts().turns.markNews(key),
    onNodesRefused(refusals) {
      for (const refusal of refusals) {
        log.warn(refusal, 'a node may not be a backend');
        parts().recorder.announce(announceNodeRefused(refusal));
      }
    },
    onClosed(err) {
      parts().metrics.sessionEnded();
      const why = explain(err);
      log[why === told ? 'debug' : 'warn'](`no session with the cloudagent, trying again: ${why}`);
      told = why;
      // Services without any word yet get one; the others are left as they are.
      parts().turns.markAll();
    },
  });
}

function takeTurns(
  options: ControllerOptions & { readonly complaints: Complaints },
  { election, cluster, session, recorder }: Pick<Parts, 'election' | 'cluster' | 'session' | 'recorder'>,
  metrics: () => Metrics,
): Turns {
  const { clock, random, log, api, workers, clusterName, defaultClass, wallClock } = options;
  const leads = (): boolean => election.leads();
  const announce: EventRecorder['announce'] = (announcement) => recorder.announce(announcement);
  const now = (): number => clock.now();
  const parts: ReconcileParts = {
    clusterName,
    defaultClass,
    cluster,
    session,
    writer: createServiceWriter(api, cluster, leads),
    announce,
    onPublished: (key) => metrics().published((now() - turns.firstSeen(key)) / 1000),
    published: new Map(),
    now,
    wallClock,
    ...(options.reached === undefined ? {} : { reached: options.reached }),
  };
  const turns = createTurns({
    workers,
    clock,
    random,
    log,
    leads,
    cluster,
    session,
    reconcile: (key, turn) => reconcile(key, parts, turn),
    announce,
    onTurn: (result, seconds) => metrics().turn(result, seconds),
    onFailed: (error) => options.complaints.report('writing Services', error),
  });
  return turns;
}

function problemsOf({ clock, explain }: ControllerOptions, parts: Parts): string[] {
  const { cluster, election, session, complaints } = parts;
  if (election.leads()) complaints.clear(LEASE);
  for (const [kind, { lastHeard }] of Object.entries(cluster.health)) {
    if (lastHeard !== undefined) complaints.clear(kind, lastHeard);
  }
  if (!cluster.synced) return ['the API server has not told everything yet', ...complaints.current()];
  const now = clock.now();
  const stale = Object.entries(cluster.health).filter(([, { lastHeard }]) => now - (lastHeard ?? now) > STALE_MS);
  const alone = election.leads() && !session.open && now - session.closedSince > ALONE_MS;
  return [
    ...stale.map(([kind]) => `nothing was heard of ${kind} for a while: is the API server well?`),
    ...(alone ? [explain(session.closedBy)] : []),
    ...complaints.lasting(),
  ];
}

async function run(options: ControllerOptions, parts: Parts, signal: AbortSignal): Promise<void> {
  const { api, clock, random, watchIdleMs } = options;
  const { cluster, election, session, turns, metrics, complaints, ready } = parts;
  signal.addEventListener('abort', () => ready.resolve());
  const followed = cluster.follow({
    api,
    signal,
    clock,
    random,
    ...(watchIdleMs === undefined ? {} : { idleMs: watchIdleMs }),
    onFailure(kind, err) {
      metrics.watchFailed(kind);
      complaints.report(kind, err);
    },
  });
  const spoken = ready.promise.then(() => session.run(signal));
  await Promise.all([followed, election.run(signal), spoken, lookAgain(options, turns, signal)]);
  await turns.stop();
}

/** Events are enough; that nothing was missed is looked at now and then all the same. */
async function lookAgain({ clock, random }: ControllerOptions, turns: Turns, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(clock, RESYNC_MS * (0.8 + random() * 0.4), signal);
    if (!signal.aborted) turns.markAll();
  }
}
