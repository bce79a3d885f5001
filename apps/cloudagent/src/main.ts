import { podAccess, secretFiles } from '@fairlead/certs';
import { failpoint, Shutdown } from '@fairlead/control-loop';
import { createLogger, explainFailure, withoutSecrets } from '@fairlead/telemetry';
import { type Failpoints, SiteFilesRefused, startCloudagent } from './cloudagent.ts';
import { type Config, parseConfig } from './config.ts';
import { StoreRefused } from './store/store.ts';

await main();

async function main(): Promise<void> {
  const parsed = parseConfig(process.argv.slice(2));
  if (parsed.kind === 'done') return;
  if (parsed.kind === 'config') {
    await start(parsed.config);
    return;
  }
  process.stderr.write(parsed.problems.map((problem) => `cloudagent: ${problem}\n`).join(''));
  process.stderr.write('cloudagent: see --help\n');
  process.exitCode = 2;
}

async function start(config: Config): Promise<void> {
  // Else it is called node, or MainThread, where processes are listed.
  process.title = 'cloudagent';
  const log = createLogger({ component: 'cloudagent', level: config.logLevel });
  const shutdown = new Shutdown({
    onProblem: ({ step, error }) => log.error({ err: error, step }, 'not stopped well'),
  });
  shutdown.onSignals(process);
  const start = { isOver: false };
  try {
    const failpoints = failpointsOf(process.env['FAIRLEAD_FAILPOINT'], () => start.isOver);
    const { identitySecret: secret, identityDir } = config;
    const identityPlace = secret === undefined ? identityDir : secretFiles(podAccess(process.env), secret, identityDir);
    await startCloudagent({ config, log, shutdown, failpoints, identityPlace });
    start.isOver = true;
  } catch (error) {
    await shutdown.begin();
    process.stderr.write(
      withoutSecrets(explainFailure(error))
        .split('\n')
        .map((line) => `cloudagent: ${line}\n`)
        .join(''),
    );
    process.exit(error instanceof SiteFilesRefused || error instanceof StoreRefused ? 2 : 1);
  }
}

/** For tests: where the process ends as if the power went, once it has started. */
function failpointsOf(text: string | undefined, hasStarted: () => boolean): Failpoints {
  const die = () => void process.kill(process.pid, 'SIGKILL');
  const reach = failpoint(text, ['after-commit', 'before-answer', 'before-push'], die);
  return {
    afterCommit: () => hasStarted() && reach('after-commit'),
    beforeAnswer: () => hasStarted() && reach('before-answer'),
    beforePush: () => hasStarted() && reach('before-push'),
  };
}
