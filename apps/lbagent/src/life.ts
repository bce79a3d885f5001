import type { HealthBoard, Logger } from '@fairlead/telemetry';
import { isOutOfService } from './ownership/fitness.ts';
import { type HaproxyLife, watchHaproxy } from './haproxy/watch.ts';
import { type KeepalivedWatch, watchKeepalived } from './keepalived/watch.ts';
import type { Metrics } from './metrics.ts';
import type { Parts } from './parts.ts';
import type { Reconciler } from './reconcile.ts';
import type { StatusBoard } from './status-board.ts';

export interface LifeParts {
  readonly parts: Parts;
  readonly runDir: string;
  readonly reconciler: Reconciler;
  readonly board: StatusBoard;
  readonly health: HealthBoard;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** haproxy is asked so often, and is taken for hung when it does not answer within the other; milliseconds. */
const WATCH = { everyMs: 250, timeoutMs: 750 };

/**
 * Watches haproxy and keepalived. The moment haproxy dies, hangs or is put out of service this machine is no longer fit
 * to own addresses. Returns the way to stop.
 */
export function followLives(life: LifeParts): () => void {
  const { parts, reconciler, log } = life;
  const keepalived = watchKeepalived({
    supervisor: parts.supervisors.keepalived,
    paths: parts.paths,
    log: parts.keepalivedLog,
    current: () => reconciler.current()?.view,
    onProcess: (event) => log.info({ event }, 'keepalived'),
    onVrrp(event) {
      log.info({ event }, 'vrrp');
      reconciler.look();
    },
  });
  const watch = watchHaproxy({ statsSocket: parts.haproxy.statsSocket, ...WATCH }, (seen) => {
    onLife(seen, keepalived, life);
  });
  const stops = [
    () => watch.stop(),
    () => keepalived.stop(),
    parts.supervisors.haproxy.subscribe((event) => {
      if (event.kind === 'exited') setFit(false, life);
      log.info({ event }, 'haproxy');
      if (event.kind !== 'exited') return;
      watch.look();
      reconciler.look();
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function onLife(seen: HaproxyLife, keepalived: KeepalivedWatch, life: LifeParts): void {
  const { reconciler, board, health, metrics } = life;
  const answers = seen.kind === 'answers';
  const serves = !isOutOfService(life.runDir);
  const problem = answers ? undefined : `haproxy does not answer: ${seen.why}`;
  setFit(answers && serves, life);
  metrics.haproxyAnswers(answers);
  health.report('haproxy', problem);
  board.find('haproxy', problem === undefined ? [] : [problem]);
  board.find('service', serves ? [] : ['out of service: `lbagent resume-serving` ends that']);
  tellOfKeepalived(keepalived.look(answers && serves), life);
  const known = reconciler.current()?.view.worker.info.pid;
  if (answers && known !== undefined && known !== seen.info.pid) reconciler.look();
}

function tellOfKeepalived(trouble: string | undefined, { board, health, metrics }: LifeParts): void {
  metrics.keepalivedWell(trouble === undefined);
  health.report('keepalived', trouble);
  board.find('vrrp', trouble === undefined ? [] : [trouble]);
}

function setFit(fit: boolean, { parts, board, log }: LifeParts): void {
  try {
    parts.ownership.setFit(fit);
    board.find('track file', []);
  } catch (error) {
    log.error({ err: error }, "keepalived's track file cannot be written");
    board.find('track file', ["keepalived's track file cannot be written: addresses will not move by it"]);
  }
}
