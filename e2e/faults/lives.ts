import { sleep } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';

/** A process that the lab runs under a name. */
export interface Victim {
  readonly host: string;
  readonly name: string;
}

/** How one life of a process ends, always by SIGKILL: by itself at a place in its code, or so long after a moment. */
export type Life =
  { readonly failpoint: string } | { readonly afterSpawnMs: number } | { readonly afterReadyMs: number };

/** A failpoint that nothing comes to in this time is not waited for any longer. */
const PATIENCE_MS = 30_000;

/** One life from its start to its end. True unless it had a failpoint and did not come to it. */
export async function live(lab: Lab, { host, name }: Victim, life: Life): Promise<boolean> {
  const env = 'failpoint' in life ? { FAIRLEAD_FAILPOINT: life.failpoint } : {};
  // It may well end before it is ready.
  const started = lab.start(host, name, env).catch(() => undefined);
  if ('afterSpawnMs' in life) await sleep(life.afterSpawnMs);
  else await started;
  if ('afterReadyMs' in life) await sleep(life.afterReadyMs);
  const died = 'failpoint' in life && (await endsByItself(lab, { host, name }));
  if (!died) await lab.kill(host, name);
  await started;
  return died || !('failpoint' in life);
}

async function endsByItself(lab: Lab, { host, name }: Victim): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { processes = [] } = (await lab.status()).find((each) => each.name === host) ?? {};
    const process = processes.find((each) => each.name === name);
    if (process?.pid === undefined) {
      if (process?.ended === 'signal SIGKILL') return true;
      throw new Error(`${name} on ${host} ended with ${process?.ended}: see its log`);
    }
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
}
