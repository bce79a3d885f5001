import { podAccess, secretFiles } from '@fairlead/certs';
import { Shutdown } from '@fairlead/control-loop';
import { createLogger } from '@fairlead/telemetry';
import { type Failpoints, SiteFilesRefused, startCloudagent } from './cloudagent.ts';
import { type Config, parseConfig } from './config.ts';
import { StoreRefused } from './store/sqlite-store.ts';

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
  const log = createLogger({ component: 'cloudagent', level: config.logLevel });
  const shutdown = new Shutdown({
    onProblem: ({ step, error }) => log.error({ err: error, step }, 'not stopped well'),
  });
  shutdown.onSignals(process);
  const start = { isOver: false };
  const failpoints = failpointsOf(process.env['FAIRLEAD_FAILPOINT'], () => start.isOver);
  try {
    const { identitySecret: secret, identityDir } = config;
    const identityPlace = secret === undefined ? identityDir : secretFiles(podAccess(process.env), secret, identityDir);
    await startCloudagent({ config, log, shutdown, failpoints, identityPlace });
    start.isOver = true;
  } catch (error) {
    await shutdown.begin();
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      message
        .split('\n')
        .map((line) => `cloudagent: ${line}\n`)
        .join(''),
    );
    process.exit(error instanceof SiteFilesRefused || error instanceof StoreRefused ? 2 : 1);
  }
}

/** For tests: once it has started, the process ends there as if the power went. */
function failpointsOf(name: string | undefined, hasStarted: () => boolean): Failpoints {
  const die = () => void (hasStarted() && process.kill(process.pid, 'SIGKILL'));
  switch (name) {
    case 'after-commit':
      return { afterCommit: die };
    case 'before-answer':
      return { beforeAnswer: die };
    case 'before-push':
      return { beforePush: die };
    default:
      return {};
  }
}
