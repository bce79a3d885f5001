import { observeWorker, readCurrentWorkerInfo } from '@fairlead/haproxy';
import { type View, viewOf } from './planning/advance.ts';
import type { MachineConfig } from '@fairlead/model';
import type { DataPlane } from './apply.ts';
import type { ForwardingObserved } from './forwarding/types.ts';
import type { NftablesObserved } from './nftables/types.ts';

/** What is really in haproxy, nftables and on the links. Throws when one of them does not answer. */
export async function observe(
  config: MachineConfig,
  plane: DataPlane,
): Promise<{
  readonly view: View;
  readonly base: NftablesObserved['base'];
  readonly forwarding: ForwardingObserved['base'];
}> {
  const [worker, nft, forwarding, links] = await Promise.all([
    readCurrentWorkerInfo(plane.runtime).then(() => observeWorker(plane.runtime, plane.mapFile)),
    plane.nftables.observe(),
    plane.forwarding.observe(),
    plane.links.observe(),
  ]);
  const { caught, limits } = nft;
  const view = viewOf({ worker, caught, limits, forwards: forwarding.forwards, links, config });
  return { view, base: nft.base, forwarding: forwarding.base };
}
