import { connect } from 'node:net';

/** What the master process says of itself and its workers. */
export interface MasterState {
  readonly pid: number;
  readonly reloads: number;
  /** Reloads that failed since the last one that did not. */
  readonly failedReloads: number;
  readonly workers: readonly number[];
  /** Take no new connections and live until their last one ends. */
  readonly oldWorkers: readonly number[];
}

/** One command to the master socket, which serves one at a time. Throws when it does not answer within `timeoutMs`. */
export function askMaster(path: string, command: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    let reply = '';
    const timer = setTimeout(() => {
      socket.destroy(new Error(`haproxy's master did not answer ${JSON.stringify(command)} within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.setEncoding('latin1');
    // Its end tells the master that no more commands follow; else it waits for them.
    socket.on('connect', () => socket.end(`${command}\n`));
    socket.on('data', (chunk: string) => {
      reply += chunk;
    });
    socket.on('error', (error) => reject(new Error(`haproxy's master socket ${path}: ${error.message}`)));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(reply);
    });
  });
}

/** Reads the reply to `show proc`. */
export function parseProcesses(reply: string): MasterState {
  const master = /^(\d+)\s+master\s+(\d+) \[failed: (\d+)\]/m.exec(reply);
  if (!master) throw new Error(`show proc: cannot read ${JSON.stringify(reply.slice(0, 200))}`);
  const [current = '', old = ''] = reply.split(/^# old workers$/m);
  const pids = (text: string): number[] => [...text.matchAll(/^(\d+)\s+worker\b/gm)].map((match) => Number(match[1]));
  return {
    pid: Number(master[1]),
    reloads: Number(master[2]),
    failedReloads: Number(master[3]),
    workers: pids(current),
    oldWorkers: pids(old),
  };
}

export async function observeMaster(path: string, timeoutMs: number): Promise<MasterState> {
  return parseProcesses(await askMaster(path, 'show proc', timeoutMs));
}
