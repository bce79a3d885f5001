import { openCommandSocket } from '@fairlead/haproxy';
import { explainFailure, type HealthBoard, type Logger, type Registry } from '@fairlead/telemetry';
import { mkdir } from 'node:fs/promises';
import type { NamedConfig } from './config.ts';
import { watchForwards } from './forwarding/watch.ts';
import { createHaproxySide } from './haproxy/side.ts';
import { watchDraining } from './draining/watch.ts';
import { createHolder, type Holder } from './state/holder.ts';
import { whyHaproxyCannotRun } from './preflight/look.ts';
import { followLives } from './life.ts';
import { watchOwnAddresses } from './links/address-watch.ts';
import { createMachineMetrics } from './metrics.ts';
import { STATE_FILE } from './name.ts';
import { NOTHING_JUDGED } from './node-checks/judgement.ts';
import { watchNetwork } from './ownership/network-watch.ts';
import { lowStock } from './wanted/options.ts';
import { watchNodes } from './node-checks/watch.ts';
import { watchOldWorkers } from './haproxy/old-worker-watch.ts';
import { capabilitiesOf, closeParts, openParts } from './parts.ts';
import type { MachinePrograms } from './programs.ts';
import { startReconciler } from './reconcile.ts';
import { createShutOut } from './haproxy/shut-out.ts';
import { readStateFile } from './state/state-file.ts';
import { createStatusBoard, type StatusBoard } from './status-board.ts';
import { createUrgency } from './pace/urgency.ts';

export interface MachineSettings {
  readonly config: NamedConfig;
  readonly programs: MachinePrograms;
  readonly log: Logger;
  readonly health: HealthBoard;
  readonly registry: Registry;
}

/** This LB machine's data plane, kept as it was told. */
export interface Machine {
  readonly holder: Holder;
  readonly board: StatusBoard;
  /** Resolves when what was remembered is served, or after `ms`. */
  ready(ms: number): Promise<void>;
  /** Leaves everything running. */
  stop(): Promise<void>;
}

const LOOK_EVERY_MS = 5_000;
const NODE_WATCH_TIMEOUT_MS = 2_000;
const SURVEY_TIMEOUT_MS = 5_000;

/** Puts the parts together and starts them. What was remembered on disk is served without anybody's help. */
export async function startMachine(settings: MachineSettings): Promise<Machine> {
  const { config, programs, log, health, registry } = settings;
  await mkdir(config.stateDir, { recursive: true, mode: 0o750 });
  await mkdir(config.runDir, { recursive: true });
  const board = createStatusBoard(await capabilitiesOf(programs));
  const parts = openParts(config, programs, (message) => log.warn(message));
  const fileProblem = (what: string) => (error: unknown) => {
    const problem = `${what} cannot be written: ${explainFailure(error)}`;
    if (!board.current().findings.includes(problem)) log.error(problem);
    board.find(`file ${what}`, [problem]);
  };
  const urgency = createUrgency();
  const haproxy = createHaproxySide({
    urgency,
    settings: parts.haproxy,
    binary: programs.haproxy,
    supervisor: parts.supervisors.haproxy,
    current: () => {
      const now = reconciler.current();
      return now && { wanted: now.wanted, worker: now.view.worker };
    },
    onWritten: () => board.find('file haproxy.cfg', []),
    onFileError: fileProblem('haproxy.cfg'),
    whyNotRunning: () => whyHaproxyCannotRun(config),
  });
  const metrics = createMachineMetrics({
    registry,
    status: () => board.current(),
    held: () => holder.held(),
  });
  await parts.ownership.prepare().catch((error: unknown) => {
    // Whoever runs goes on with the files that are there.
    log.error(`keepalived's files cannot be written: ${explainFailure(error)}`);
  });
  const stateFile = `${config.stateDir}/${STATE_FILE}`;
  const remembered = await readStateFile(stateFile, (problem) => {
    log.error(problem);
    board.find('state file', [problem]);
  });
  const firstPass = Promise.withResolvers<void>();
  const surveySocket = openCommandSocket(parts.haproxy.statsSocket, SURVEY_TIMEOUT_MS);
  const shutOut = createShutOut({ ...parts.haproxy, log });
  const reconciler = startReconciler({
    ...parts,
    surveySocket,
    urgency,
    log,
    board,
    haproxy,
    options: { drainSeconds: config.drainSeconds, lowSlots: (profile) => lowStock(profile, config.slots) },
    families: parts.haproxy.families,
    peersPort: config.peersPort,
    lookEveryMs: LOOK_EVERY_MS,
    onPass(pass) {
      metrics.pass(pass);
      shutOut.passed(pass.reached.view);
      firstPass.resolve();
    },
  });
  const holder = createHolder({
    reconciler,
    urgency,
    stateFile,
    remembered,
    onWritten() {
      board.find('file the state file', []);
      board.find('state file', []);
    },
    onFileError: fileProblem('the state file'),
  });
  if (!remembered) firstPass.resolve();
  const stopFollowing = followLives({ parts, runDir: config.runDir, reconciler, board, health, metrics, log });
  const unwatchNodes = watchNodes({
    socket: openCommandSocket(parts.haproxy.statsSocket, NODE_WATCH_TIMEOUT_MS),
    state: () => holder.held()?.state,
    remembered: remembered?.judged ?? NOTHING_JUDGED,
    onJudged: (judged) => holder.useNodeChecks(judged),
    onFindings: (findings) => board.find('nodes', findings),
    onPassing: watchNetwork({ ...parts, board, log }),
    onChange: () => reconciler.look(),
    log,
  });
  const unwatchForwards = watchForwards({
    socket: openCommandSocket(parts.haproxy.statsSocket, NODE_WATCH_TIMEOUT_MS),
    current: () => reconciler.current(),
    onChange: () => reconciler.look(),
  });
  const unwatchOldWorkers = watchOldWorkers({
    ...parts.haproxy,
    drainSeconds: config.drainSeconds,
    wanted: () => reconciler.current()?.wanted,
    onCount: (count) => metrics.oldWorkers(count),
  });
  const unwatchDraining = watchDraining({
    socket: openCommandSocket(parts.haproxy.statsSocket, NODE_WATCH_TIMEOUT_MS),
    current: () => reconciler.current(),
    onDraining: (draining) => board.update({ draining }),
  });
  const unwatchLinks = watchOwnAddresses({
    links: parts.plane.links,
    reconciler,
    held: () => holder.held(),
    onError: (error) => log.warn({ err: error }, 'links cannot be looked at'),
  });
  return {
    holder,
    board,
    ready: (ms) => Promise.race([firstPass.promise, new Promise<void>((resolve) => setTimeout(resolve, ms).unref())]),
    async stop() {
      stopFollowing();
      unwatchLinks();
      unwatchNodes();
      unwatchForwards();
      unwatchOldWorkers();
      unwatchDraining();
      await reconciler.stop();
      await shutOut.stop();
      surveySocket.close();
      await Promise.all([haproxy.written(), holder.written()]);
      await closeParts(parts);
    },
  };
}
