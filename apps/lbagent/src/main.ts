import { serverCredentials } from '@fairlead/certs';
import { Shutdown } from '@fairlead/control-loop';
import {
  createRpcMetrics,
  healthServices,
  keepRenewed,
  MachineService,
  type RunningServer,
  serve,
  startServer,
} from '@fairlead/rpc';
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
import { checkMachine, renderChecks } from './check.ts';
import { parseCommand, type RunConfig } from './config.ts';
import { awaitEnrolment, join } from './enrolment.ts';
import { setInService } from './ownership/fitness.ts';
import { untilListening } from './listening.ts';
import { startMachine } from './machine.ts';
import { awaitName, STATE_FILE } from './name.ts';
import { preflight, watchProblems } from './preflight/run.ts';
import { becomeOwnerOf } from './processes/owner.ts';
import { keepalivedPaths } from './parts.ts';
import { run } from './processes/run.ts';
import { findProgram, type MachinePrograms } from './programs.ts';
import { machineService, onlyCloudagent } from './server.ts';
import { serviceManager } from './processes/service-manager.ts';
import { readIfThere } from './state/whole-file.ts';
import { untilEmpty, withdraw } from './withdraw.ts';

/** How long the cloudagent waits for what this machine remembers to be served again. */
const READY_WITHIN_MS = 5_000;
/** How long the cloudagent may believe an old clock. */
const REPORT_EVERY_MS = 60_000;

main().catch((error: unknown) => {
  for (const line of explainFailure(error).split('\n')) complain(line);
  process.exit(1);
});

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2));
  switch (command.kind) {
    case 'done':
      return;
    case 'wrong':
      for (const problem of command.problems) complain(problem);
      complain('see --help');
      process.exitCode = 2;
      return;
    case 'join': {
      becomeOwnerOf(command.pkiDir);
      const refused = await join(await readAll(process.stdin), command.pkiDir);
      if (refused === undefined) return;
      complain(refused);
      process.exitCode = 1;
      return;
    }
    case 'serving':
      becomeOwnerOf(command.runDir);
      await setInService(
        { ...keepalivedPaths({ ...command, stateDir: '', keepalivedConfig: '' }) },
        command.runDir,
        command.serve,
      );
      await untilEmpty(`${command.runDir}/haproxy.sock`, command.waitSeconds);
      return;
    case 'withdraw':
      await withdrawMachine(command);
      return;
    case 'check': {
      const checks = await checkMachine(command.config, process.env['PATH'] ?? '');
      process.stdout.write(renderChecks(checks));
      process.exitCode = checks.some(({ problem }) => problem !== undefined) ? 1 : 0;
      return;
    }
    case 'run':
      await serveMachine(command.config);
  }
}

async function withdrawMachine({ stateDir, runDir }: { stateDir: string; runDir: string }): Promise<void> {
  const path = process.env['PATH'] ?? '';
  const program = (name: string): string => findProgram(name, path) ?? name;
  const problems = await withdraw({
    stateFile: `${stateDir}/${STATE_FILE}`,
    paths: keepalivedPaths({ stateDir, runDir, keepalivedConfig: '' }),
    programs: { nft: program('nft'), ip: program('ip') },
  });
  for (const problem of problems) complain(problem);
  if (problems.length > 0) process.exitCode = 1;
}

/** Starts what serves first: the cloudagent may be away for as long as it likes. */
async function serveMachine(settings: RunConfig): Promise<void> {
  // Else it is called node, or MainThread, where processes are listed.
  process.title = 'lbagent';
  const log = createLogger({ component: 'lbagent', level: settings.logLevel });
  const shutdown = new Shutdown({
    onProblem: ({ step, error }) => log.error({ err: error, step }, 'not stopped well'),
  });
  shutdown.onSignals(process);
  const registry = createMetrics({ component: 'lbagent', version: VERSION });
  const health = createHealthBoard(['haproxy', 'identity']);
  const path = process.env['PATH'] ?? '';
  const { programs, problems } = await preflight(settings, { path, log });
  const telemetry = await asFlagged(
    '--metrics-listen',
    startTelemetryServer({ listen: settings.metricsListen, registry, health }),
  );
  shutdown.step('telemetry', () => telemetry.stop());
  const manager = serviceManager(process.env['NOTIFY_SOCKET'], health);

  const name = await awaitName(settings, shutdown.signal, (why) => {
    log.warn(why);
    health.report('identity', why);
    manager.started('');
  });
  if (name === undefined) return;
  const config = { ...settings, name };
  const machine = await startMachine({
    config,
    programs,
    log,
    health,
    registry,
  });
  shutdown.step('data plane', () => machine.stop());
  const unwatch = watchProblems({ config, path }, problems, (now) => machine.board.find('preflight', now));
  shutdown.step('preflight', unwatch);

  const enrolment = await awaitEnrolment({ ...config, signal: shutdown.signal }, (why) => {
    // Without a certificate nobody can tell this machine anything new; what is on disk is served all the same.
    log.error(why);
    health.report('identity', why);
    manager.started(`serves as ${name}`);
  });
  if (!enrolment) return;
  const metrics = createRpcMetrics(registry);
  const live = keepRenewed({
    place: config.pkiDir,
    enrolment,
    log,
    metrics,
    onProblem: (problem) => machine.board.find('certificate', problem === undefined ? [] : [problem]),
  });
  registerCertificateMetrics(registry, { validity: () => live.validity(), now: Date.now });
  shutdown.step('renewal', () => live.stop());
  health.report('identity', undefined);

  await machine.ready(READY_WITHIN_MS);
  const services = [
    serve(
      MachineService,
      machineService({
        ...machine,
        log,
        now: Date.now,
        reportEveryMs: REPORT_EVERY_MS,
        readConfig: () => readConfig(config, programs),
      }),
    ),
    ...healthServices({ source: health, version: VERSION, serviceNames: ['fairlead.v1.MachineService'] }),
  ];
  const listen = (): Promise<RunningServer> =>
    asFlagged(
      '--listen',
      startServer({
        listen: config.listen,
        credentials: serverCredentials(live.source, 'required'),
        callers: 'certificate',
        authorise: onlyCloudagent(enrolment.identity.site),
        services,
        log,
        metrics,
      }),
    );
  const server = await untilListening(listen, shutdown.signal, (why) => {
    if (why !== undefined) log.error(why);
    health.report('port', why);
    manager.started(`serves as ${name}`);
  });
  if (server === undefined) return;
  shutdown.step('gRPC server', () => server.stop());
  manager.started(`serves as ${name}`);
  log.info({ machine: config.name, listen: config.listen }, 'started');
}

async function readConfig(config: RunConfig, { nft }: MachinePrograms) {
  const listed = await run([nft, 'list', 'table', 'inet', 'fairlead']);
  const forwarding = await run([nft, 'list', 'table', 'inet', 'fairlead_udp']);
  return {
    haproxyConfig: (await readIfThere(config.haproxyConfig)) ?? '',
    keepalivedConfig: (await readIfThere(config.keepalivedConfig)) ?? '',
    nftables: (listed.code === 0 ? listed.stdout : listed.stderr) + (forwarding.code === 0 ? forwarding.stdout : ''),
  };
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function complain(message: string): void {
  process.stderr.write(`lbagent: ${withoutSecrets(message)}\n`);
}
