import { observeWorker, readCurrentWorkerInfo } from '@fairlead/haproxy';
import { type View, viewOf } from './advance.ts';
import type { MachineConfig } from '@fairlead/model';
import type { DataPlane } from './apply.ts';
import type { NftablesObserved } from './nftables/types.ts';

/** What is really in haproxy, nftables and on the links. Throws when one of them does not answer. */
export async function observe(
  config: MachineConfig,
  plane: DataPlane,
): Promise<{ readonly view: View; readonly base: NftablesObserved['base'] }> {
  const [worker, nft, links] = await Promise.all([
    readCurrentWorkerInfo(plane.runtime).then(() => observeWorker(plane.runtime, plane.mapFile)),
    plane.nftables.observe(),
    plane.links.observe(),
  ]);
  return { view: viewOf({ worker, caught: nft.caught, limits: nft.limits, links, config }), base: nft.base };
}
