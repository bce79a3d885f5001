import { setTimeout as sleep } from 'node:timers/promises';
import { askMaster, type MasterState, observeMaster } from './master.ts';
import { askWorkerInfo } from './worker.ts';
import type { WorkerInfo } from './worker-state.ts';

export interface ReloadTarget {
  readonly masterSocket: string;
  readonly statsSocket: string;
  /** Longest wait for the new worker. */
  readonly timeoutMs: number;
}

const LOOK_EVERY_MS = 10;
const ANSWER_WITHIN_MS = 2_000;

/**
 * Loads haproxy.cfg anew without closing a connection and returns the new worker, once one answers that shows `marker`.
 * A second reload soon after a first is lost without a word, and 2.6 answers before the result is known: so call this
 * one at a time, and only the marker counts. Throws when haproxy refuses the file (the old worker then goes on) or no
 * such worker shows up in time.
 */
export async function reloadHaproxy(target: ReloadTarget, marker: string): Promise<WorkerInfo> {
  const deadline = performance.now() + target.timeoutMs;
  const before = await listeningMaster(target, deadline);
  await askMaster(target.masterSocket, 'reload', target.timeoutMs);
  let last = 'no worker answered';
  while (performance.now() < deadline) {
    const worker = await askWorkerInfo(target.statsSocket, ANSWER_WITHIN_MS);
    if (typeof worker !== 'string' && worker.marker === marker && !worker.stopping) return worker;
    last = typeof worker === 'string' ? worker : `worker ${worker.pid} still has ${worker.marker || 'no marker'}`;
    const master = await observeMaster(target.masterSocket, ANSWER_WITHIN_MS).catch(() => undefined);
    if (master && master.reloads !== before.reloads && master.failedReloads > 0) {
      throw new Error('haproxy refused the new configuration and goes on with the old one: see haproxy -c');
    }
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`haproxy did not load the new configuration within ${target.timeoutMs} ms: ${last}`);
}

/** The master refuses connections while it starts and while it replaces itself. */
async function listeningMaster({ masterSocket }: ReloadTarget, deadline: number): Promise<MasterState> {
  for (;;) {
    try {
      return await observeMaster(masterSocket, ANSWER_WITHIN_MS);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(LOOK_EVERY_MS);
  }
}
