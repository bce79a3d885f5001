import type { Registry } from '@fairlead/telemetry';
import { Counter, Gauge, Histogram } from '@fairlead/telemetry';
import type { QueueDepth } from '@fairlead/control-loop';
import type { Cluster } from './cluster/cluster.ts';
import type { Session } from './session.ts';

/** What is read at each scrape. */
export interface MetricSources {
  readonly cluster: Cluster;
  readonly session: Session;
  readonly leads: () => boolean;
  readonly queueDepth: () => QueueDepth;
  readonly eventsWaiting: () => number;
  /** Milliseconds of the clock that the cluster uses. */
  readonly now: () => number;
}

/** What is counted as it happens. */
export interface Metrics {
  /** One turn of the queue. */
  turn(result: 'done' | 'failed', seconds: number): void;
  /** From the first mark of a Service that had no address to the write that published one. */
  published(seconds: number): void;
  watchFailed(kind: string): void;
  sessionEnded(): void;
  eventLost(): void;
}

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];

export function registerMetrics(registry: Registry, sources: MetricSources): Metrics {
  const registers = [registry];
  registerGauges(registry, sources);
  const turns = new Histogram({
    name: 'fairlead_controller_reconcile_seconds',
    help: 'Duration of one turn of the queue.',
    labelNames: ['result'],
    buckets: SECONDS,
    registers,
  });
  const published = new Histogram({
    name: 'fairlead_controller_publish_seconds',
    help: 'From the event that a Service exists to its address in its status, machines included.',
    buckets: SECONDS,
    registers,
  });
  const failures = new Counter({
    name: 'fairlead_controller_watch_failures_total',
    help: 'Lists and watches that failed and were begun again.',
    labelNames: ['kind'],
    registers,
  });
  const sessions = new Counter({
    name: 'fairlead_controller_sessions_ended_total',
    help: 'Sessions with the cloudagent that ended.',
    registers,
  });
  const lost = new Counter({
    name: 'fairlead_controller_events_lost_total',
    help: 'Events that could not be written.',
    registers,
  });
  return {
    turn: (result, seconds) => turns.observe({ result }, seconds),
    published: (seconds) => published.observe(seconds),
    watchFailed: (kind) => failures.inc({ kind }),
    sessionEnded: () => sessions.inc(),
    eventLost: () => lost.inc(),
  };
}

function registerGauges(registry: Registry, sources: MetricSources): void {
  const { cluster, session, now } = sources;
  gauge(registry, 'fairlead_controller_leader', 'Whether this controller leads: 1 or 0.', (set) =>
    set(sources.leads() ? 1 : 0),
  );
  gauge(registry, 'fairlead_controller_session_open', 'Whether a session with the cloudagent is open: 1 or 0.', (set) =>
    set(session.open ? 1 : 0),
  );
  gauge(registry, 'fairlead_controller_events_waiting', 'Events to be written.', (set) => set(sources.eventsWaiting()));
  labelled(
    registry,
    { name: 'fairlead_controller_queue_depth', help: 'Keys in the queue.', labelNames: ['state'] },
    (set) => {
      for (const [state, depth] of Object.entries(sources.queueDepth())) set(state, depth);
    },
  );
  labelled(
    registry,
    {
      name: 'fairlead_controller_watch_age_seconds',
      help: 'Since the API server was last heard.',
      labelNames: ['kind'],
    },
    (set) => {
      for (const [kind, { lastHeard }] of Object.entries(cluster.health)) {
        if (lastHeard !== undefined) set(kind, (now() - lastHeard) / 1000);
      }
    },
  );
  labelled(
    registry,
    { name: 'fairlead_controller_services', help: 'Services of ours by state.', labelNames: ['state'] },
    (set) => {
      for (const [state, count] of Object.entries(countStates(cluster, session))) set(state, count);
    },
  );
}

type State = 'serving' | 'pending' | 'refused' | 'deleting';

/** By what the conditions and the session say; Services that are not ours are in none. */
function countStates(cluster: Cluster, session: Session): Record<State, number> {
  const counts: Record<State, number> = { serving: 0, pending: 0, refused: 0, deleting: 0 };
  for (const { metadata, status } of cluster.services()) {
    const accepted = status.conditions.find(({ type }) => type === 'fairlead.dev/Accepted');
    const served = session.open ? session.served(metadata.uid) : undefined;
    if (metadata.deletionTimestamp !== undefined) counts.deleting++;
    else if (accepted?.status === 'False' || served?.state === 'refused') counts.refused++;
    else if (served !== undefined) counts[served.state]++;
  }
  return counts;
}

function gauge(registry: Registry, name: string, help: string, collect: (set: (value: number) => void) => void): void {
  const made: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: () => collect((value) => made.set(value)),
  });
}

function labelled(
  registry: Registry,
  what: { readonly name: string; readonly help: string; readonly labelNames: [string] },
  collect: (set: (value: string, count: number) => void) => void,
): void {
  const [label] = what.labelNames;
  const made: Gauge = new Gauge({
    ...what,
    registers: [registry],
    collect: () => collect((value, count) => made.set({ [label]: value }, count)),
  });
}
