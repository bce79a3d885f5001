import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseNews } from './news.ts';
import type { LinkNews } from './types.ts';

/**
 * Calls back whenever the kernel says that an address or a link changed (`ip -o monitor`), and after each start of the
 * monitor, since changes may have been missed before. Returns the way to stop.
 */
export function watchLinks(monitor: readonly string[], listener: (news: LinkNews) => void): () => void {
  let stopped = false;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;

  const start = (): void => {
    const [program, ...args] = monitor;
    const started = spawn(program!, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child = started;
    createInterface({ input: started.stdout }).on('line', (line) => listener(parseNews(line)));
    started.once('spawn', () => listener({ kind: 'unknown' }));
    started.once('error', restart);
    started.once('exit', restart);
  };
  const restart = (): void => {
    if (stopped || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      start();
    }, 1000);
    timer.unref();
  };

  start();
  return () => {
    stopped = true;
    clearTimeout(timer);
    child?.kill('SIGKILL');
  };
}
