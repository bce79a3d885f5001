import type { Clock } from '@fairlead/control-loop';
import { pause, WorkQueue } from '@fairlead/control-loop';
import type { Logger, Registry, Trace } from '@fairlead/telemetry';
import { newTrace, withTrace } from '@fairlead/telemetry';
import { announceFailure, announceNodeRefused } from './announce.ts';
import type { Cloudagent } from './cloudagent.ts';
import { SessionSuperseded } from './cloudagent.ts';
import type { Api } from './cluster/api.ts';
import { createCluster } from './cluster/cluster.ts';
import { createServiceWriter, NotLeading } from './cluster/service-writer.ts';
import { createEventRecorder } from './event-recorder.ts';
import { createElection } from './leader-election.ts';
import type { ElectionTimes } from './leadership.ts';
import { createMarks } from './marks.ts';
import { registerMetrics } from './metrics.ts';
import { describeNode } from './nodes.ts';
import type { Outcome, ReconcileParts } from './reconcile.ts';
import { reconcile } from './reconcile.ts';
import { createSession, NoSession } from './session.ts';
import { suspendAwareClock } from './suspend-aware-clock.ts';

export interface ControllerOptions {
  readonly clusterName: string;
  readonly defaultClass: boolean;
  readonly identity: string;
  readonly leaseNamespace: string;
  readonly leaseName: string;
  readonly workers: number;
  readonly electionTimes: ElectionTimes;
  /** How long a silent watch is believed; the API server sends something every minute. */
  readonly watchIdleMs?: number;
  readonly api: Api;
  readonly cloudagent: Cloudagent;
  readonly clock: Clock;
  readonly wallClock: () => Date;
  readonly random: () => number;
  readonly log: Logger;
  readonly registry: Registry;
  readonly certificateEnds: () => number | undefined;
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

/** The one key that is not a Service's: all nodes together. */
const NODES = 'nodes';
const RESYNC_MS = 600_000;
const STALE_MS = 180_000;

/** Puts the parts together: what changes marks keys, the queue works on them while we lead. */
export function createController(options: ControllerOptions): Controller {
  const { clock, log, api, registry, random, wallClock } = options;
  const now = (): number => clock.now();
  const marks = createMarks(clock);
  const ready = Promise.withResolvers<void>();

  const election = createElection({
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
    onFailure: (err) => log.warn({ err }, 'the lease could not be read or written; trying again'),
    onHolder: reportHolder(log),
  });
  const leads = (): boolean => election.leads();
  const cluster = createCluster({ service: (key) => mark(key), nodes: () => mark(NODES), synced: () => begin() });
  const recorder = createEventRecorder({
    api,
    instance: options.identity,
    leads,
    clock,
    wallClock,
    onLost(err) {
      metrics.eventLost();
      log.warn({ err }, 'an event was not written');
    },
  });
  const session = createSession({
    cloudagent: options.cloudagent,
    holder: options.identity,
    mayOpen: leads,
    nodes: () => cluster.nodes().map(describeNode),
    clock,
    random,
    newTrace,
    onOpen() {
      log.info({ services: cluster.serviceKeys().length, held: session.heldKeys().length }, 'session open');
      markAll();
    },
    onStatus: (key) => mark(key, marks.last(key)),
    onNodesRefused(refusals) {
      for (const refusal of refusals) {
        log.warn(refusal, 'a node may not be a backend');
        recorder.announce(announceNodeRefused(refusal));
      }
    },
    onClosed(err) {
      metrics.sessionEnded();
      log.warn({ err }, 'no session with the cloudagent; trying again');
      // Services without any word yet get one; the others are left as they are.
      markAll();
    },
  });
  const metrics = registerMetrics(registry, {
    cluster,
    session,
    leads,
    queueDepth: () => queue.depth(),
    eventsWaiting: () => recorder.waiting,
    certificateEnds: options.certificateEnds,
    now,
    wallClock,
  });
  const parts: ReconcileParts = {
    clusterName: options.clusterName,
    defaultClass: options.defaultClass,
    cluster,
    session,
    writer: createServiceWriter(api, cluster, leads),
    announce: (announcement) => recorder.announce(announcement),
    onPublished: (key) => metrics.published((clock.now() - marks.firstSeen(key)) / 1000),
    published: new Map(),
    now,
    wallClock,
  };
  const queue = new WorkQueue({
    workers: options.workers,
    clock,
    random,
    work: (key) => timed(() => work(key)),
    onFailure({ key, error, failures, retryAfterMs }) {
      log.error({ err: error, key, failures, retryAfterMs }, 'a turn failed; trying again');
      const service = cluster.service(key);
      if (service !== undefined) recorder.announce(announceFailure(service, messageOf(error)));
    },
  });

  function begin(): void {
    if (!leads() || !cluster.synced) return;
    ready.resolve();
    markAll();
  }

  // While another leads nothing is marked: whoever begins to lead looks at everything.
  function mark(key: string, trace?: Trace): void {
    if (!leads() || !cluster.synced) return;
    marks.set(key, trace);
    queue.add(key);
  }

  function markAll(): void {
    mark(NODES);
    for (const key of cluster.serviceKeys()) mark(key);
    if (session.open) for (const key of session.heldKeys()) mark(key);
  }

  async function work(key: string): Promise<Outcome> {
    const trace = marks.take(key);
    if (!leads()) return undefined;
    try {
      if (key !== NODES) return await reconcile(key, parts, { trace, log: withTrace(log, trace) });
      if (session.open) await session.syncNodes(trace);
      return undefined;
    } catch (error) {
      // The next session, or the next leader, looks at everything.
      if (isInterruption(error)) return undefined;
      throw error;
    } finally {
      if (key !== NODES && cluster.service(key) === undefined) marks.forget(key);
    }
  }

  async function timed(turn: () => Promise<Outcome>): Promise<Outcome> {
    const began = clock.now();
    let result: 'done' | 'failed' = 'failed';
    try {
      const outcome = await turn();
      result = 'done';
      return outcome;
    } finally {
      metrics.turn(result, (clock.now() - began) / 1000);
    }
  }

  async function resync(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(clock, RESYNC_MS * (0.8 + random() * 0.4), signal);
      if (!signal.aborted) markAll();
    }
  }

  return {
    problems() {
      if (!cluster.synced) return ['the API server has not told everything yet'];
      const stale = Object.entries(cluster.health).filter(([, { lastHeard }]) => clock.now() - lastHeard! > STALE_MS);
      const alone = leads() && !session.open && clock.now() - session.closedSince > 10_000;
      return [
        ...stale.map(([kind]) => `nothing was heard of ${kind} for a while: is the API server well?`),
        ...(alone ? ['the cloudagent does not answer: see the log'] : []),
      ];
    },
    async run(signal) {
      signal.addEventListener('abort', () => ready.resolve());
      const followed = cluster.follow({
        api,
        signal,
        clock,
        random,
        ...(options.watchIdleMs === undefined ? {} : { idleMs: options.watchIdleMs }),
        onFailure(kind, err) {
          metrics.watchFailed(kind);
          log.warn({ err, kind }, 'a watch failed; beginning it again');
        },
      });
      await Promise.all([
        followed,
        election.run(signal),
        ready.promise.then(() => session.run(signal)),
        resync(signal),
      ]);
      await queue.stop();
    },
    async retire() {
      await Promise.race([recorder.drained(), pause(clock, 2_000, new AbortController().signal)]);
      await election.release();
    },
  };
}

/** Logs who leads, once per change. */
function reportHolder(log: Logger): (holder: string) => void {
  let last = '';
  return (holder) => {
    if (holder !== last) log.info({ holder }, 'who leads');
    last = holder;
  };
}

function isInterruption(error: unknown): boolean {
  return error instanceof NoSession || error instanceof NotLeading || error instanceof SessionSuperseded;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
