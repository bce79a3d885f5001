import { buildPrograms } from '../../tools/build.ts';
import type { ForwarderAnswer, ForwarderCommand, Rule, SeenRequest } from '../forwarder/protocol.ts';
import type { Machines } from './machines.ts';

/** What stands between a client and the lab's API server, and what it has seen. */
export interface ApiForwarder {
  /** From now on these rules; none: everything passes. What is silent stays so until its connection is closed. */
  use(...rules: readonly Rule[]): Promise<void>;
  /** Breaks off each open watch in the middle of its next word; answers how many. */
  cutWatches(): Promise<number>;
  /** Ends each open watch with 410 in the stream; answers how many. */
  expireWatches(): Promise<number>;
  /** Lets each open watch on a path that begins so stay, and say nothing more; answers how many. */
  silenceWatches(path: string): Promise<number>;
  /** Everything asked so far, oldest first. */
  requests(): Promise<readonly SeenRequest[]>;
  close(): Promise<void>;
}

/** Starts one on the host of the control plane; it has the API server's own certificate. Resolves when it listens. */
export async function startApiForwarder(
  machines: Pick<Machines, 'spawn'>,
  control: { readonly name: string; readonly address: string },
  ports: { readonly listen: number; readonly target: number },
): Promise<ApiForwarder> {
  const { forwarder } = await buildPrograms();
  const serving = `/run/lab/${control.name}/etc/kubernetes/serving/apiserver`;
  const command = machines.spawn(control.name, [
    process.execPath,
    forwarder,
    'api',
    `--listen=${control.address}:${ports.listen}`,
    `--target=${control.address}:${ports.target}`,
    `--certificate=${serving}.crt`,
    `--key=${serving}.key`,
  ]);
  const waiting = new Map<number, PromiseWithResolvers<ForwarderAnswer>>();
  command.onLine((line) => {
    const answer = JSON.parse(line) as ForwarderAnswer;
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
  });
  let over: Error | undefined;
  const lost = (why: string): void => {
    over = new Error(`the forwarder on ${control.name} ended: ${why}`);
    for (const { reject } of waiting.values()) reject(over);
  };
  command.ended.then(
    (code) => lost(`code ${code} ${command.stderr.trim()}`),
    (error: Error) => lost(error.message),
  );
  let count = 0;
  const ask = (order: Order): Promise<ForwarderAnswer> => {
    if (over) return Promise.reject(over);
    const id = ++count;
    const answered = Promise.withResolvers<ForwarderAnswer>();
    waiting.set(id, answered);
    command.write(`${JSON.stringify({ ...order, id })}\n`);
    return answered.promise;
  };
  const watches = async (order: Order): Promise<number> => {
    const answer = await ask(order);
    return 'watches' in answer ? answer.watches : 0;
  };
  await ask({ command: 'rules', rules: [] });
  return {
    use: async (...rules) => void (await ask({ command: 'rules', rules })),
    cutWatches: () => watches({ command: 'cut' }),
    expireWatches: () => watches({ command: 'expire' }),
    silenceWatches: (path) => watches({ command: 'silence', path }),
    requests: async () => {
      const answer = await ask({ command: 'requests' });
      return 'requests' in answer ? answer.requests : [];
    },
    close: async () => {
      command.closeInput();
      await command.ended.catch(() => undefined);
    },
  };
}

type Order = ForwarderCommand extends infer Each ? (Each extends unknown ? Omit<Each, 'id'> : never) : never;
