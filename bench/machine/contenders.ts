import { sleep } from '../../e2e/lab/command.ts';
import type { Rig } from './rig.ts';
import { plainVipOf, SERVICE_PORT, vipOf } from './state.ts';

/** What lbagent and the baseline are put to. Each answers with milliseconds from a change's arrival on. */

export const RELOADING = 'every service rendered into haproxy.cfg, checked and reloaded, until the new worker answers';

/** As many services for both, and both answering for the last of them. */
export async function fillBoth({ pusher, reloader, client }: Rig, count: number): Promise<void> {
  await pusher.ask({ order: 'fill', count });
  await client.ask({ address: vipOf(count - 1), port: SERVICE_PORT });
  await reloader.ask({ order: 'fill', count });
  await client.ask({ address: plainVipOf(count - 1), port: SERVICE_PORT });
}

/** Before each change a pause, uneven so that what recurs on the machine is met now and then and not always. */
async function atUnevenTimes<T>(subjects: readonly T[], change: (subject: T) => Promise<number>): Promise<number[]> {
  const figures: number[] = [];
  for (const [number, subject] of subjects.entries()) {
    await sleep(20 + ((number * 37) % 160));
    figures.push(await change(subject));
  }
  return figures;
}

/** In milliseconds; throws when what should follow came first, because then something else was seen. */
export function since(startNs: number, endNs: number): number {
  if (endNs < startNs) throw new Error('an answer came before the change that it should follow');
  return (endNs - startNs) / 1e6;
}

/** New services, at addresses that nobody knows yet: until a client has the first byte that is told when lbagent says so. */
export function addServices({ pusher }: Rig, indexes: readonly number[]): Promise<number[]> {
  return atUnevenTimes(indexes, async (index) => {
    const { sentNs, visitedNs } = await pusher.ask({ order: 'add', index, visit: true });
    await pusher.ask({ order: 'remove', index });
    return since(sentNs, visitedNs!);
  });
}

/** The same, until a client has the first byte that has been asking every millisecond since before. */
export async function addAwaitedServices({ pusher, client }: Rig, indexes: readonly number[]): Promise<number[]> {
  const figures: number[] = [];
  for (const index of indexes) {
    const first = client.ask({ address: vipOf(index), port: SERVICE_PORT, everyMs: 1 });
    await sleep(50);
    const { sentNs } = await pusher.ask({ order: 'add', index, visit: false });
    figures.push(since(sentNs, (await first).answeredNs));
    await pusher.ask({ order: 'remove', index });
    await sleep(50);
  }
  return figures;
}

/**
 * Another backend behind a service, there and back again: until a connection ends there, of a client that connects again
 * and again. Ends with the backend that it began with, `node-1`.
 */
export async function retargetService({ pusher, client }: Rig, index: number, pairs: number): Promise<number[]> {
  const names = Array.from({ length: pairs }, () => ['node-2', 'node-1']).flat();
  return atUnevenTimes(names, async (name) => {
    const seen = client.ask({ address: vipOf(index), port: SERVICE_PORT, name });
    await sleep(10);
    const { sentNs } = await pusher.ask({ order: 'retarget', index, nodes: [name] });
    return since(sentNs, (await seen).answeredNs);
  });
}

/** Puts `node-1` alone behind a service of both, and waits until nobody else answers. */
export async function beginWithOneBackend({ pusher, reloader, client }: Rig, index: number): Promise<void> {
  const target = { order: 'retarget', index, nodes: ['node-1'] } as const;
  await Promise.all([pusher.ask(target), reloader.ask(target)]);
  for (const address of [vipOf(index), plainVipOf(index)]) {
    for (let alone = 0; alone < ENOUGH;) {
      const { name } = await client.ask({ address, port: SERVICE_PORT });
      alone = name === 'node-1' ? alone + 1 : 0;
    }
  }
}

/** Answers of one backend in a row, of five that take turns. */
const ENOUGH = 50;

/** The baseline's new service: until a client that asks every millisecond has the first byte. */
export async function addByReload({ reloader, client }: Rig, index: number): Promise<number[]> {
  const { receivedNs } = await reloader.ask({ order: 'add', index });
  const { answeredNs } = await client.ask({ address: plainVipOf(index), port: SERVICE_PORT });
  return [since(receivedNs, answeredNs)];
}

/** Another backend behind one of the baseline's services. */
export async function retargetByReload({ reloader, client }: Rig, index: number, name: string): Promise<number[]> {
  const { receivedNs } = await reloader.ask({ order: 'retarget', index, nodes: [name] });
  const { answeredNs } = await client.ask({ address: plainVipOf(index), port: SERVICE_PORT, name });
  return [since(receivedNs, answeredNs)];
}
