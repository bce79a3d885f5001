import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { must, run } from '../lab/command.ts';
import type { CommandResult } from '../lab/protocol.ts';

/** Where the system's disk is, for commands beside it. */
export const ROOT = '/run/root';

/**
 * A system that does not run, as when an image is built: a disk on which packages are installed, changed and removed. It is
 * kept in memory, is seen by nobody else, and goes with this process, however that ends.
 */
export interface OfflineSystem {
  /** Runs a shell script in the system, as root. */
  run(script: string): Promise<CommandResult>;
  /** As `run`, but throws unless it succeeds; answers standard output. */
  must(script: string): Promise<string>;
  /** Runs a program of the machine that the test runs on, which sees the disk at `ROOT`. */
  beside(argv: readonly string[], environment?: NodeJS.ProcessEnv): Promise<string>;
  close(): Promise<void>;
}

const SETUP = `set -e
mount -t tmpfs none /run
mkdir /run/upper /run/work ${ROOT}
mount -t overlay overlay -o "lowerdir=$1,upperdir=/run/upper,workdir=/run/work" ${ROOT}
mount -t proc proc ${ROOT}/proc
mount --rbind /dev ${ROOT}/dev
echo ready
exec sleep infinity`;

/** `image`: the directory it starts from, which stays as it is. */
export async function openOfflineSystem(image: string): Promise<OfflineSystem> {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const keeper = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...namespaces, 'sh', '-c', SETUP, 'keeper', image],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const inside = await firstProcess(keeper);
  const enter = ['nsenter', `--target=${inside}`, '--mount', '--pid'];
  const environment = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C'];
  const shell = (script: string): readonly string[] =>
    enter.concat('env', '-i', environment, 'chroot', ROOT, 'sh', '-c', script);
  return {
    run: (script) => run(shell(script), { timeout: 300_000 }),
    must: (script) => must(shell(script), { timeout: 300_000 }),
    beside: (argv, environment) =>
      must([...enter, ...argv], { timeout: 300_000, ...(environment ? { env: environment } : {}) }),
    async close() {
      const gone = once(keeper, 'exit');
      keeper.kill('SIGKILL');
      await gone;
    },
  };
}

async function firstProcess(keeper: ChildProcess): Promise<number> {
  await Promise.race([
    once(keeper.stdout!, 'data'),
    once(keeper, 'exit').then(() => {
      throw new Error('the disk cannot be made: run this as root');
    }),
  ]);
  const children = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8');
  return Number(children.trim());
}
