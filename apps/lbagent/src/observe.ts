import { mapKey, observeWorker, type WorkerState } from '@fairlead/haproxy';
import { type View, viewOf } from './advance.ts';
import type { DataPlane } from './apply.ts';

/** What is really in haproxy, nftables and on the links. Throws when one of them does not answer. */
export async function observe(plane: DataPlane): Promise<View> {
  const [worker, nft, links] = await Promise.all([
    currentWorker(plane),
    plane.nftables.observe(),
    plane.links.observe(),
  ]);
  const caught = new Map(nft.caught.map((each) => [mapKey(each.address, each.port), each]));
  return viewOf({ worker, caught, links });
}

/** A worker that is on its way out keeps our connection; the one that took its place is asked instead. */
async function currentWorker({ runtime, mapFile }: DataPlane): Promise<WorkerState> {
  const worker = await observeWorker(runtime, mapFile);
  if (!worker.info.stopping) return worker;
  runtime.close();
  return observeWorker(runtime, mapFile);
}
