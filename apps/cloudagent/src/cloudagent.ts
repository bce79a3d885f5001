import type { Place } from '@fairlead/certs';
import type { Shutdown } from '@fairlead/control-loop';
import {
  createRpcMetrics,
  healthServices,
  LoadBalancersService,
  MachinesService,
  serve,
  SiteService,
} from '@fairlead/rpc';
import {
  asFlagged,
  createHealthBoard,
  createMetrics,
  type HealthBoard,
  type Logger,
  startTelemetryServer,
  VERSION,
} from '@fairlead/telemetry';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { beginEpoch } from './decisions/epoch.ts';
import { openIdentity, type SiteIdentity } from './identity/open-identity.ts';
import { loadBalancerService } from './load-balancer-service.ts';
import { connectToMachine } from './machines/connection.ts';
import { machinesService } from './operators/machines-service.ts';
import { commitHistogram, registerMetrics } from './metrics.ts';
import { reportProblems } from './problems.ts';
import { startPorts } from './ports.ts';
import { Fleet } from './push.ts';
import { resourceFromText, resourceToText } from './resources/stored.ts';
import { startRestTimer } from './rest-timer.ts';
import { formatViolation, SiteFiles } from './site-files.ts';
import { siteService } from './operators/site-service.ts';
import { StatusBoard } from './status/board.ts';
import { followStore } from './store/followed-store.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import { StoreFailure } from './store/store.ts';
import { TruthKeeper } from './truth/truth-keeper.ts';
import { Watchers } from './status/watch.ts';

/** Where a test ends the process, to see that nothing is lost. */
export interface Failpoints {
  readonly afterCommit?: () => void;
  readonly beforeAnswer?: () => void;
  readonly beforePush?: () => void;
}

export interface Ports {
  readonly control: number;
  readonly join: number;
  readonly metrics: number;
}

export interface CloudagentSettings {
  readonly config: Config;
  readonly log: Logger;
  readonly shutdown: Shutdown;
  readonly failpoints?: Failpoints;
  /** Where the authority's keys are kept; `config.identityDir` unless given. */
  readonly identityPlace?: Place;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** The first start cannot go on with these site files; each line is one thing to mend. */
export class SiteFilesRefused extends Error {
  override name = 'SiteFilesRefused';
}

/**
 * Starts a cloudagent: what it knows first, then what it serves. Each part adds how it is stopped to `shutdown`.
 * Throws StoreRefused, SiteFilesRefused, or what else keeps it from starting.
 */
export async function startCloudagent(settings: CloudagentSettings): Promise<Ports> {
  const { config, log, shutdown, failpoints = {}, now = Date.now } = settings;
  const registry = createMetrics({ component: 'cloudagent', version: VERSION });
  const health = createHealthBoard();
  // Only what keeps it from serving: a lost machine must not take the cloudagent away from its controllers too.
  const readiness = createHealthBoard(['cloudagent']);
  const telemetry = await asFlagged(
    '--metrics-listen',
    startTelemetryServer({ listen: config.metricsListen, registry, health: readiness }),
  );
  shutdown.step('telemetry', () => telemetry.stop());

  const commits = commitHistogram(registry);
  const store = followStore(openSqliteStore({ file: join(config.stateDir, 'cloudagent.db') }), {
    onCommitted: (milliseconds) => commits.observe(milliseconds / 1_000),
    onProblem(problem) {
      health.report('store', problem);
      if (problem === undefined) log.info('changes can be stored again');
      else log.error(`${problem}; what is served goes on, and every change is refused until then`);
    },
  });
  shutdown.step('store', () => store.close());
  const keeper = await TruthKeeper.load({
    store,
    codec: { toText: resourceToText, fromText: resourceFromText },
    ...(failpoints.afterCommit && { afterCommit: failpoints.afterCommit }),
  });
  const onError = (error: unknown): void => {
    if (!(error instanceof StoreFailure)) log.error({ err: error }, 'a change failed unexpectedly');
  };
  await followSiteFiles({ config, log, shutdown, now }, keeper, health);

  const ports = { control: 0, join: 0, metrics: telemetry.port };
  const identity = await openSiteIdentity({ ...settings, now }, { store, keeper, ports, health });
  shutdown.step('own certificate', () => identity.stop());
  await keeper.change((truth) => beginEpoch(truth, { epoch: 0, generation: 0 }));

  const calls = createRpcMetrics(registry);
  const fleet = new Fleet({
    keeper,
    connect: (machine) => connectToMachine(machine, { site: config.siteName, source: identity.source, metrics: calls }),
    now,
    log,
    ...(failpoints.beforePush && { beforePush: failpoints.beforePush }),
  });
  const board = new StatusBoard({ keeper, fleet, now, onError });
  const watchers = new Watchers();
  const watching = () => watchers.clusters;
  registerMetrics(registry, {
    keeper,
    fleet,
    board,
    watching,
    isStoreWritable: () => health.problemOf('store') === undefined,
    validity: () => identity.validity(),
    now,
  });
  const stopProblems = reportProblems({ keeper, fleet, health });
  const stopRests = startRestTimer({ keeper, now, onError });
  shutdown.step('timers', () => {
    stopRests();
    stopProblems();
    board.stop();
  });

  const { siteName } = config;
  const { beforeAnswer } = failpoints;
  const problems = () => ['store', 'site files', CERTIFICATE].flatMap((part) => health.problemOf(part) ?? []);
  const operators = [
    serve(SiteService, siteService({ siteName, keeper, fleet, board, watching, problems, now, log })),
    serve(MachinesService, machinesService({ siteName, keeper, identity, now, log })),
    identity.certificatesService,
    ...healthServices({ source: health, version: VERSION }),
  ];
  const controllers = loadBalancerService({
    keeper,
    fleet,
    board,
    watchers,
    now,
    log,
    ...(beforeAnswer && { beforeAnswer }),
  });
  const servers = await startPorts(
    { config, log, metrics: calls, identity },
    operators,
    serve(LoadBalancersService, controllers),
  );
  shutdown.step('ports', async () => void (await Promise.all(servers.all.map((server) => server.stop()))));
  Object.assign(ports, { control: servers.control.port, join: servers.join.port });

  fleet.start();
  shutdown.step('machines', () => fleet.stop());
  readiness.report('cloudagent', undefined);
  shutdown.step('readiness', () => readiness.report('cloudagent', 'the cloudagent is stopping'));
  log.info({ site: siteName, ...ports, epoch: keeper.truth.counters.epoch }, 'started');
  return ports;
}

/** The part of health that is about the own certificate. */
const CERTIFICATE = 'certificate';

type Context = Pick<CloudagentSettings, 'config' | 'log' | 'shutdown' | 'identityPlace'> & {
  readonly now: () => number;
};

async function followSiteFiles(
  { config, log, shutdown, now }: Context,
  keeper: TruthKeeper,
  health: HealthBoard,
): Promise<void> {
  if (config.site === undefined) return;
  const onProblem = (problem: string | undefined) => health.report('site files', problem);
  const files = new SiteFiles({ path: config.site, siteName: config.siteName, keeper, now, log, onProblem });
  const violations = await files.load();
  if (violations.length > 0 && keeper.truth.resources.size === 0) {
    throw new SiteFilesRefused(violations.map(formatViolation).join('\n'));
  }
  files.follow();
  shutdown.step('site files', () => files.stop());
}

async function openSiteIdentity(
  { config, log, now, identityPlace }: Context,
  around: {
    store: Parameters<typeof openIdentity>[0]['store'];
    keeper: TruthKeeper;
    ports: Ports;
    health: HealthBoard;
  },
): Promise<SiteIdentity> {
  const { store, keeper, ports, health } = around;
  const { joinAddress, controlAddress, joinListen, listen, leafLifetime } = config;
  return openIdentity({
    place: identityPlace ?? config.identityDir,
    site: config.siteName,
    store,
    log,
    now,
    onProblem: (problem) => health.report(CERTIFICATE, problem),
    ...(leafLifetime !== undefined && { lifetime: leafLifetime }),
    addresses: () => ({
      join: joinAddress ?? withPort(joinListen, ports.join),
      control: controlAddress ?? withPort(listen, ports.control),
    }),
    isDeclared: ({ kind, name }) => {
      const { machines, clusters } = keeper.truth.site;
      return kind === 'lbagent' ? machines.has(name) : kind === 'controller' && clusters.has(name);
    },
  });
}

function withPort(listen: string, port: number): string {
  return `${listen.slice(0, listen.lastIndexOf(':'))}:${port}`;
}
