import { createInterface } from 'node:readline';

/** The inside of a rig's program: a line of JSON in, a line of JSON out, in order, until standard input ends. */
export async function serveOrders(obey: (order: never) => Promise<object>): Promise<void> {
  process.stdout.write('{"ready":true}\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await obey(JSON.parse(line) as never).catch((error: unknown) => ({ error: String(error) }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
