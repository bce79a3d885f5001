import { openCommandSocket } from '@fairlead/haproxy';
import type { Capabilities } from '@fairlead/model';
import type { HealthBoard, Logger, Registry } from '@fairlead/telemetry';
import { mkdir } from 'node:fs/promises';
import { release } from 'node:os';
import type { RunConfig } from './config.ts';
import { isOutOfService } from './fitness.ts';
import { createHaproxySide } from './haproxy-side.ts';
import type { HaproxySettings } from './haproxy-files.ts';
import { type HaproxyLife, watchHaproxy } from './haproxy-watch.ts';
import { createHolder, type Holder } from './holder.ts';
import { keepalivedVersion } from './keepalived/files.ts';
import type { KeepalivedPaths } from './keepalived/types.ts';
import { createKernelSide, rulesetOf } from './kernel-side.ts';
import { openLinks } from './links/kernel.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE } from './links/routing.ts';
import { watchOwnAddresses } from './link-watch.ts';
import { createMachineMetrics } from './metrics.ts';
import { openNftables } from './nftables/kernel.ts';
import { DEFAULT_MARK } from './nftables/ruleset.ts';
import { createOwnership } from './ownership.ts';
import { childSupervisor } from './processes/child.ts';
import { haproxySpec, keepalivedSpec } from './processes/specs.ts';
import { systemdSupervisor } from './processes/systemd.ts';
import type { ProcessSpec, Supervisor } from './processes/types.ts';
import { haproxyVersion } from './programs.ts';
import { startReconciler } from './reconcile.ts';
import { chooseScriptMode } from './script-mode.ts';
import { readStateFile } from './state-file.ts';
import { createStatusBoard, type StatusBoard } from './status-board.ts';

export interface MachineParts {
  readonly config: RunConfig;
  readonly programs: MachinePrograms;
  readonly log: Logger;
  readonly health: HealthBoard;
  readonly registry: Registry;
  /** When the certificate ends, milliseconds since 1970. */
  readonly certificateExpires: () => number;
}

/** Absolute paths. */
export interface MachinePrograms {
  readonly haproxy: string;
  readonly keepalived: string;
  readonly nft: string;
  readonly ip: string;
  readonly flock: string;
  readonly arping?: string;
  readonly setpriv?: string;
  readonly systemctl: string;
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

export const AGENT_VERSION = '0.1.0';
const WATCH = { everyMs: 250, timeoutMs: 750 };
const RUNTIME_TIMEOUT_MS = 5_000;
const LOOK_EVERY_MS = 5_000;

export function keepalivedPaths({
  keepalivedConfig,
  stateDir,
  runDir,
}: Pick<RunConfig, 'keepalivedConfig' | 'stateDir' | 'runDir'>): KeepalivedPaths {
  return { config: keepalivedConfig, directory: `${stateDir}/keepalived`, runDirectory: runDir };
}

/** Puts the parts together and starts them. What was remembered on disk is served without anybody's help. */
export async function startMachine(parts: MachineParts): Promise<Machine> {
  const { config, programs, log, health, registry } = parts;
  await mkdir(config.stateDir, { recursive: true, mode: 0o750 });
  await mkdir(config.runDir, { recursive: true });
  const board = createStatusBoard(await capabilitiesOf(programs));
  const haproxy = haproxySettings(config);
  const paths = keepalivedPaths(config);
  const supervisors = supervisorsOf(parts, paths);
  const kernelSettings = {
    ruleset: { ipv4Port: config.catchPort, ipv6Port: config.catchPort, mark: DEFAULT_MARK },
    routing: { table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY },
  };
  const nobody = { machine: config.name, members: [] };
  const nftables = openNftables({ nft: programs.nft, settings: rulesetOf(nobody, kernelSettings) });
  const { ip, flock, arping, setpriv } = programs;
  const links = openLinks({ ip, ...(setpriv ? { monitorPrefix: [setpriv, '--pdeathsig', 'KILL'] } : {}) });
  const ownership = createOwnership(
    {
      paths,
      programs: { ip, flock, ...(arping ? { arping } : {}) },
      keepalived: programs.keepalived,
      healthPort: config.healthPort,
      scripts: chooseScriptMode(config.keepalivedScripts),
    },
    supervisors.keepalived,
  );
  const fileProblem = (part: string) => (error: unknown) => {
    log.error({ err: error }, `${part} cannot be written`);
    board.find(`file ${part}`, [
      `${part} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  };
  const runtime = openCommandSocket(haproxy.statsSocket, RUNTIME_TIMEOUT_MS);
  const plane = { runtime, mapFile: haproxy.mapFile, nftables, links };
  const haproxySide = createHaproxySide({
    settings: haproxy,
    binary: programs.haproxy,
    supervisor: supervisors.haproxy,
    current: () => {
      const now = reconciler.current();
      return now && { wanted: now.wanted, worker: now.view.worker };
    },
    onFileError: fileProblem('haproxy.cfg'),
  });
  const metrics = createMachineMetrics({
    registry,
    status: () => board.current(),
    held: () => holder.held(),
    certificateExpires: parts.certificateExpires,
    now: Date.now,
  });
  await ownership.prepare();
  const stateFile = `${config.stateDir}/desired-state.json`;
  const remembered = await readStateFile(stateFile, (problem) => board.find('state file', [problem]));
  const firstPass = Promise.withResolvers<void>();
  const reconciler = startReconciler({
    log,
    board,
    plane,
    haproxy: haproxySide,
    kernel: createKernelSide(kernelSettings, nftables, links),
    ownership,
    options: { drainSeconds: config.drainSeconds, lowSlots: Math.ceil(config.slots / 8) },
    families: haproxy.families,
    lookEveryMs: LOOK_EVERY_MS,
    onPass(pass) {
      metrics.pass(pass);
      firstPass.resolve();
    },
  });
  const holder = createHolder({ log, reconciler, stateFile, remembered, onFileError: fileProblem('the state file') });
  if (!remembered) firstPass.resolve();
  const watch = watchHaproxy({ statsSocket: haproxy.statsSocket, ...WATCH }, (life) => onLife(life));
  const onLife = (life: HaproxyLife): void => {
    const answers = life.kind === 'answers';
    const problem = answers ? undefined : `haproxy does not answer: ${life.why}`;
    const fit = answers && !isOutOfService(config.runDir);
    ownership.setFit(fit).catch(fileProblem("keepalived's track file"));
    metrics.haproxyAnswers(answers);
    health.report('haproxy', problem);
    board.find('haproxy', [
      ...(problem === undefined ? [] : [problem]),
      ...(fit || !answers ? [] : ['out of service: `lbagent resume-serving` ends that']),
    ]);
    const known = reconciler.current()?.view.worker.info.pid;
    if (answers && known !== undefined && known !== life.info.pid) reconciler.look();
  };
  const unsubscribe = supervisors.haproxy.subscribe((event) => {
    log.info({ event }, 'haproxy');
    if (event.kind !== 'exited') return;
    ownership.setFit(false).catch(fileProblem("keepalived's track file"));
    watch.look();
    reconciler.look();
  });
  const unsubscribeKeepalived = supervisors.keepalived.subscribe((event) => log.info({ event }, 'keepalived'));
  const unwatchLinks = watchOwnAddresses({
    links,
    reconciler,
    held: () => holder.held(),
    onError: (error) => log.warn({ err: error }, 'links cannot be looked at'),
  });
  return {
    holder,
    board,
    ready: (ms) => Promise.race([firstPass.promise, new Promise<void>((resolve) => setTimeout(resolve, ms).unref())]),
    async stop() {
      unsubscribe();
      unsubscribeKeepalived();
      unwatchLinks();
      watch.stop();
      await reconciler.stop();
      supervisors.haproxy.release();
      supervisors.keepalived.release();
      await Promise.all([haproxySide.written(), holder.written()]);
      runtime.close();
      await Promise.all([nftables.close(), links.close()]);
    },
  };
}

function haproxySettings(config: RunConfig): HaproxySettings {
  return {
    configFile: config.haproxyConfig,
    mapFile: config.haproxyConfig.replace(/[^/]+$/, 'services.map'),
    statsSocket: config.haproxySocket,
    masterSocket: config.haproxyMasterSocket,
    catchPort: config.catchPort,
    healthPort: config.healthPort,
    families: ['ipv4'],
    slots: config.slots,
  };
}

function supervisorsOf(
  { config, programs }: MachineParts,
  paths: KeepalivedPaths,
): { readonly haproxy: Supervisor; readonly keepalived: Supervisor } {
  const supervise = (spec: ProcessSpec): Supervisor =>
    config.processes === 'systemd'
      ? systemdSupervisor(spec, { systemctl: programs.systemctl })
      : childSupervisor(spec, { stateDirectory: config.runDir, logFile: `${config.runDir}/${spec.name}.log` });
  const haproxy = haproxySpec({
    binary: programs.haproxy,
    config: config.haproxyConfig,
    masterSocket: config.haproxyMasterSocket,
    pidFile: `${config.runDir}/haproxy.pid`,
  });
  return {
    haproxy: supervise(haproxy),
    keepalived: supervise(keepalivedSpec({ binary: programs.keepalived, paths })),
  };
}

async function capabilitiesOf(programs: MachinePrograms): Promise<Capabilities> {
  return {
    agentVersion: AGENT_VERSION,
    haproxyVersion: await haproxyVersion(programs.haproxy),
    keepalivedVersion: await keepalivedVersion(programs.keepalived),
    kernelVersion: release(),
  };
}
