import type { Clock, QueueDepth } from '@fairlead/control-loop';
import { WorkQueue } from '@fairlead/control-loop';
import type { Logger } from '@fairlead/telemetry';
import { withTrace } from '@fairlead/telemetry';
import type { Announcement } from './events/announce.ts';
import { announceFailure } from './events/announce.ts';
import { explainApi } from './complaints.ts';
import { SessionSuperseded } from './cloudagent.ts';
import type { Cluster } from './cluster/cluster.ts';
import { NotLeading } from './cluster/service-writer.ts';
import { createMarks } from './marks.ts';
import type { Outcome, Turn } from './reconcile.ts';
import type { Session } from './session.ts';
import { NoSession } from './session.ts';

export interface TurnsSettings {
  /** How many keys are worked on at once. */
  readonly workers: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly leads: () => boolean;
  readonly cluster: Pick<Cluster, 'synced' | 'service' | 'serviceKeys'>;
  readonly session: Pick<Session, 'open' | 'heldKeys' | 'syncNodes'>;
  readonly reconcile: (key: string, turn: Turn) => Promise<Outcome>;
  readonly announce: (announcement: Announcement) => void;
  readonly onTurn: (result: 'done' | 'failed', seconds: number) => void;
  readonly onFailed: (error: unknown) => void;
}

/** Who gets a turn, and when: what changed is marked, and worked on while we lead. */
export interface Turns {
  /** Something about a Service changed: the beginning of a story. */
  mark(key: string): void;
  /** News of what was asked for a Service: the same story goes on. */
  markNews(key: string): void;
  markNodes(): void;
  /** Everything there is, and everything that the cloudagent holds. */
  markAll(): void;
  /** When a Service was first marked, milliseconds of the clock. */
  firstSeen(key: string): number;
  depth(): QueueDepth;
  /** Resolves when the running turns have ended. */
  stop(): Promise<void>;
}

/** The one key that is not a Service's: all nodes together. */
const NODES = 'nodes';

export function createTurns(settings: TurnsSettings): Turns {
  const { workers, clock, random, log, leads, cluster, session } = settings;
  const marks = createMarks(clock);
  const queue = new WorkQueue({
    workers,
    clock,
    random,
    // A restart looks at all that have an address, a rollout makes many that have none: neither waits for the other.
    laneOf: (key) => (cluster.service(key)?.status.ingress.length === 0 ? 'without an address' : 'served'),
    work: (key) => timed(settings, () => work(key)),
    onFailure({ key, error, failures, retryAfterMs }) {
      log.warn({ err: error, key, failures, retryAfterMs }, 'a turn failed; trying again');
      const service = cluster.service(key);
      settings.onFailed(error);
      if (service !== undefined) settings.announce(announceFailure(service, explainApi(error)));
    },
  });

  // While another leads nothing is marked: whoever begins to lead looks at everything.
  function mark(key: string, isNews = false): void {
    if (!leads() || !cluster.synced) return;
    marks.set(key, isNews ? marks.last(key) : undefined);
    queue.add(key);
  }

  async function work(key: string): Promise<Outcome> {
    const trace = marks.take(key);
    if (!leads()) return undefined;
    try {
      if (key !== NODES) return await settings.reconcile(key, { trace, log: withTrace(log, trace) });
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

  return {
    mark: (key) => mark(key),
    markNews: (key) => mark(key, true),
    markNodes: () => mark(NODES),
    markAll() {
      mark(NODES);
      for (const key of cluster.serviceKeys()) mark(key);
      if (session.open) for (const key of session.heldKeys()) mark(key);
    },
    firstSeen: (key) => marks.firstSeen(key),
    depth: () => queue.depth(),
    stop: () => queue.stop(),
  };
}

async function timed({ clock, onTurn }: TurnsSettings, turn: () => Promise<Outcome>): Promise<Outcome> {
  const began = clock.now();
  let result: 'done' | 'failed' = 'failed';
  try {
    const outcome = await turn();
    result = 'done';
    return outcome;
  } finally {
    onTurn(result, (clock.now() - began) / 1000);
  }
}

function isInterruption(error: unknown): boolean {
  return error instanceof NoSession || error instanceof NotLeading || error instanceof SessionSuperseded;
}
