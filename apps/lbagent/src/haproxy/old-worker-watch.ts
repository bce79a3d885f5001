import { observeMaster } from '@fairlead/haproxy';
import { drainRules } from '../draining/drain-rules.ts';
import { lookAgain } from '../pace/look-again.ts';
import {
  endConnections,
  leavingKey,
  leavingServers,
  observeOldWorker,
  type OldWorker,
  type OldWorkerTarget,
  overdue,
} from './old-workers.ts';
import type { Wanted } from '../wanted/wanted.ts';

export interface OldWorkerWatchParts extends OldWorkerTarget {
  readonly wanted: () => Wanted | undefined;
  readonly drainSeconds: number;
  /** Told at every look. */
  readonly onCount: (oldWorkers: number) => void;
}

const LOOK_EVERY_MS = 2_000;

/**
 * After a reload the old worker goes on with its connections. This ends those to backends that have gone since, when
 * their drain time is over, and those of services that have gone as a whole. Returns the way to stop.
 */
export function watchOldWorkers(parts: OldWorkerWatchParts): () => void {
  let since = new Map<string, number>();

  async function look(): Promise<void> {
    const { oldWorkers } = await observeMaster(parts.masterSocket, LOOK_EVERY_MS);
    parts.onCount(oldWorkers.length);
    const wanted = parts.wanted();
    if (!wanted || oldWorkers.length === 0) return;
    const workers: OldWorker[] = [];
    for (const pid of oldWorkers) {
      const worker = await observeOldWorker(parts, pid).catch(() => undefined);
      if (worker) workers.push(worker);
    }
    const leaving = leavingServers(workers, wanted, drainRules(wanted.services, parts.drainSeconds));
    const now = performance.now();
    since = new Map(leaving.map(leavingKey).map((key) => [key, since.get(key) ?? now]));
    const late = overdue(leaving, since, { now, drainMs: parts.drainSeconds * 1000 });
    for (const [pid, servers] of Map.groupBy(late, (each) => each.pid)) await endConnections(parts, pid, servers);
  }

  // The master refuses connections while it starts or replaces itself: the next look comes in any case.
  return lookAgain(LOOK_EVERY_MS, look);
}
