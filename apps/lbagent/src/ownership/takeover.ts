import { type Address, differingKeys, type MachineConfig } from '@fairlead/model';
import { extendBatches, writeBatches } from '../keepalived/files.ts';
import type { InstanceAddresses, KeepalivedPaths } from '../keepalived/types.ts';
import type { ObservedLink } from '../links/types.ts';
import type { Wanted, WantedVip } from '../wanted/wanted.ts';

/** What this machine would do as owner of its VIPs, on disk for keepalived's scripts. */
export interface Takeover {
  /** A pure addition of few VIPs costs a line; anything else, and the next call with other `links`, writes all anew. */
  prepare(config: MachineConfig, vips: Wanted['vips'], links: readonly ObservedLink[]): Promise<void>;
}

interface Prepared {
  readonly config: MachineConfig;
  readonly vips: Wanted['vips'];
  readonly links: readonly ObservedLink[];
}

/** More are better written with the others. */
const FEW = 16;

export function createTakeover(paths: KeepalivedPaths): Takeover {
  /** What the files hold, as text; undefined: something was added behind. */
  let whole: string | undefined;
  let prepared: Prepared | undefined;
  return {
    async prepare(config, vips, links) {
      const change =
        prepared?.config === config && prepared.links === links ? changeOf(prepared.vips, vips) : undefined;
      if (change?.same === true) return;
      // A disk that fills up may leave half a line: then all is written anew.
      prepared = undefined;
      if (change?.added !== undefined) {
        whole = undefined;
        extendBatches(paths, instanceAddresses(config, change.added, links));
      } else {
        const instances = instanceAddresses(config, vips, links);
        const text = JSON.stringify(instances);
        if (text !== whole) {
          whole = undefined;
          await writeBatches(paths, instances);
        }
        whole = text;
      }
      prepared = { config, vips, links };
    },
  };
}

type Change = { readonly same: true } | { readonly same: false; readonly added?: ReadonlyMap<Address, WantedVip> };

/** `added`: only when nothing else is different and they are few. */
function changeOf(before: Wanted['vips'], after: Wanted['vips']): Change {
  const added = new Map<Address, WantedVip>();
  for (const address of differingKeys(before, after)) {
    const [other, vip] = [before.get(address), after.get(address)];
    if (other === undefined) {
      if (vip) added.set(address, vip);
    } else if (other.device !== vip?.device || other.vrrpInstance !== vip.vrrpInstance) return { same: false };
  }
  if (added.size === 0) return { same: true };
  return added.size > FEW ? { same: false } : { same: false, added };
}

/** Every instance with its VIPs and the link they go on, in order, so that equal input gives equal output. */
function instanceAddresses(
  config: MachineConfig,
  vips: Wanted['vips'],
  links: readonly ObservedLink[],
): readonly InstanceAddresses[] {
  const instances = [...config.vrrpInstances].sort((a, b) => (a.name < b.name ? -1 : 1));
  return instances.flatMap(({ name, anchorAddress, network }): InstanceAddresses[] => {
    const attachment = config.networks.find((each) => each.network === network);
    if (!attachment) return [];
    const { device } = attachment;
    const own = [...vips.values()].filter((vip) => vip.vrrpInstance === name && vip.device === device);
    const mac = attachment.announce ? links.find((link) => link.device === device)?.mac : undefined;
    const base = { instance: name, device, anchor: anchorAddress, vips: own.map((vip) => vip.address).sort() };
    return [mac === undefined ? base : { ...base, mac }];
  });
}
