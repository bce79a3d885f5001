import type { Machines } from '../../e2e/lab/machines.ts';

/** The outside of a rig's program. */
export interface Peer<Order, Answer> {
  /** Rejects with what the program complains of. */
  ask(order: Order): Promise<Answer>;
}

/** Starts a TypeScript program of the bench on a host of the lab; resolves when it is ready. It ends with the lab. */
export async function startPeer<Order, Answer>(
  machines: Pick<Machines, 'spawn'>,
  host: string,
  argv: readonly string[],
): Promise<Peer<Order, Answer>> {
  const command = machines.spawn(host, [process.execPath, '--disable-warning=ExperimentalWarning', ...argv]);
  const waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  const lost = (why: string) => {
    for (const each of waiting.splice(0)) each.reject(new Error(`${argv[0]} on ${host} ended: ${why}`));
  };
  command.ended.then(
    (code) => lost(`code ${code} ${command.stderr.trim()}`),
    (error: Error) => lost(error.message),
  );
  command.onLine((line) => {
    const answer = JSON.parse(line) as Answer & { error?: string };
    const next = waiting.shift();
    if (answer.error === undefined) next?.resolve(answer);
    else next?.reject(new Error(`${argv[0]} on ${host}: ${answer.error}`));
  });
  const answered = () => new Promise<Answer>((resolve, reject) => waiting.push({ resolve, reject }));
  await answered();
  return {
    ask(order) {
      const answer = answered();
      command.write(`${JSON.stringify(order)}\n`);
      return answer;
    },
  };
}
