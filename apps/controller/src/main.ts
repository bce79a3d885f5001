import { channelCredentials, podAccess, secretFiles } from '@fairlead/certs';
import { failpoint, Shutdown, systemClock } from '@fairlead/control-loop';
import { createRpcMetrics, explainCall, keepRenewed, openChannel } from '@fairlead/rpc';
import {
  asFlagged,
  createHealthBoard,
  createLogger,
  createMetrics,
  explainFailure,
  registerCertificateMetrics,
  startTelemetryServer,
  VERSION,
  withoutSecrets,
} from '@fairlead/telemetry';
import { cloudagentOver } from './cloudagent-client.ts';
import { openApi } from './cluster/api.ts';
import { loadKubeConfig } from './cluster/kube-config.ts';
import type { Config } from './config.ts';
import { parseConfig } from './config.ts';
import { createController } from './controller.ts';
import { obtainEnrolment } from './enrolment.ts';
import { ELECTION_TIMES } from './leadership/leadership.ts';
import { PLACES } from './places.ts';

const HEALTH_MS = 2_000;

main().catch((error: unknown) => {
  complain(explainFailure(error));
  process.exit(1);
});

async function main(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2));
  if (parsed.kind === 'done') return;
  if (parsed.kind === 'config') return start(parsed.config);
  for (const problem of [...parsed.problems, 'see --help']) complain(problem);
  process.exitCode = 2;
}

/** Starts what the controller needs, in the order in which it is stopped backwards. */
async function start(config: Config): Promise<void> {
  const log = createLogger({ component: 'controller', level: config.logLevel });
  const shutdown = new Shutdown({
    onProblem: ({ step, error }) => log.error({ err: error, step }, 'not stopped well'),
  });
  shutdown.onSignals(process);
  const { signal } = shutdown;
  const fail = (message: string, code: number): void => {
    log.fatal(message);
    complain(message);
    process.exit(code);
  };
  const loaded = loadKubeConfig(config.kubeconfig);
  if ('refused' in loaded) return fail(loaded.refused, 2);

  const registry = createMetrics({ component: 'controller', version: VERSION });
  const health = createHealthBoard(['controller']);
  const telemetry = await asFlagged(
    '--metrics-listen',
    startTelemetryServer({ listen: config.metricsListen, registry, health }),
  );
  shutdown.step('telemetry', () => telemetry.stop());

  const { joinTokenFile, cluster } = config;
  const place = config.pkiSecret === undefined ? config.pkiDir : secretFiles(podAccess(process.env), config.pkiSecret);
  const metrics = createRpcMetrics(registry);
  const onProblem = (why: string): void => {
    log.error(why);
    health.report('controller', why);
  };
  const obtained = await obtainEnrolment({ place, joinTokenFile, cluster, onProblem, clock: systemClock, signal });
  if ('refused' in obtained) return fail(obtained.refused, 1);
  const { enrolment } = obtained;
  const live = keepRenewed({ place, enrolment, log, metrics });
  shutdown.step('renewal', () => live.stop());

  registerCertificateMetrics(registry, { validity: () => live.validity(), now: Date.now });

  const peer = { kind: 'cloudagent', site: enrolment.identity.site } as const;
  const address = config.cloudagent ?? enrolment.control;
  const channel = openChannel(address, channelCredentials(live.source, peer), {
    renewed: live.source,
  });
  shutdown.step('channel', () => channel.close());
  const api = openApi(loaded.kubeConfig, systemClock);
  shutdown.step('API connections', () => api.close());

  const controller = createController({
    clusterName: cluster,
    ...config,
    electionTimes: ELECTION_TIMES,
    api,
    cloudagent: cloudagentOver(channel, cluster, metrics),
    explain: (error) => explainCall(error, address, Date.now()),
    clock: systemClock,
    wallClock: () => new Date(),
    random: Math.random,
    log,
    registry,
    reached: failpoint(process.env['FAIRLEAD_FAILPOINT'], PLACES, () => process.kill(process.pid, 'SIGKILL')),
    // At once: whoever leads now must not be disturbed by what is still under way here.
    onLeadershipLost: (why) => fail(`leadership lost: ${why}; ending, to begin again as a candidate`, 1),
  });
  const running = controller.run(signal);
  shutdown.step('lease', () => controller.retire());
  shutdown.step('controller', () => running);

  const watchHealth = setInterval(
    () => health.report('controller', controller.problems().join('; ') || undefined),
    HEALTH_MS,
  );
  shutdown.step('health', () => clearInterval(watchHealth));
  log.info({ cluster, cloudagent: address }, 'started');
}

function complain(message: string): void {
  process.stderr.write(`controller: ${withoutSecrets(message)}\n`);
}
