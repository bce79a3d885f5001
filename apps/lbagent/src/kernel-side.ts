import { familyOf, type MachineConfig } from '@fairlead/model';
import { bridgeProblems } from './links/bridge.ts';
import type { Links, MeetingPlace, RoutingSettings } from './links/types.ts';
import { meetingAddress } from './nftables/second-chance.ts';
import type { Nftables, NftablesObserved, RulesetSettings } from './nftables/types.ts';

export interface KernelSideSettings {
  readonly ruleset: Omit<RulesetSettings, 'vrrpPeers' | 'memory'>;
  readonly peersPort: number;
  readonly routing: Omit<RoutingSettings, 'mark' | 'devices'>;
}

/** What of the kernel does not change with the load balancers: table and rules, policy route, sysctls. */
export interface KernelSide {
  /** Puts in place what is missing and says what it was; empty: nothing was amiss. `base`: as just seen. */
  ensure(config: MachineConfig, base: NftablesObserved['base']): Promise<readonly string[]>;
  /** What of this machine's settings keeps addresses from answering and is not ours to change; one sentence each. */
  problems(config: MachineConfig): Promise<readonly string[]>;
}

export function createKernelSide(settings: KernelSideSettings, nftables: Nftables, links: Links): KernelSide {
  let told = '';
  return {
    problems: (config) => bridgeProblems(devicesOf(config)),
    async ensure(config, base) {
      const ruleset = rulesetOf(config, settings);
      const devices = devicesOf(config);
      const meeting = meetingPlaceOf(config);
      const routing = { ...settings.routing, mark: ruleset.mark, devices, ...(meeting ? { meeting } : {}) };
      const repairs = [...(await links.ensureRouting(routing))];
      const key = JSON.stringify(ruleset);
      if (base === 'intact' && told === key) return repairs;
      await nftables.ensureBase(ruleset);
      if (base !== 'intact') repairs.push(`nftables table was ${base}`);
      told = key;
      return repairs;
    },
  };
}

function devicesOf({ networks }: MachineConfig): readonly string[] {
  return [...new Set(networks.map((network) => network.device))].sort();
}

/**
 * Where IPv6 packets of running connections are sent on to this machine: on the link of the VRRP instances. Undefined:
 * its address is of IPv6 itself, or it is not known yet.
 */
export function meetingPlaceOf({ machine, members, vrrpInstances, networks }: MachineConfig): MeetingPlace | undefined {
  const own = members.find(({ name }) => name === machine)?.address;
  const [first] = [...vrrpInstances].sort((a, b) => (a.name < b.name ? -1 : 1));
  const device = networks.find(({ network }) => network === first?.network)?.device;
  if (own === undefined || device === undefined || familyOf(own) === 'ipv6') return undefined;
  return { device, address: meetingAddress(own) };
}

/** The rules for a machine; also what `openNftables` judges by until the first `ensure`. */
export function rulesetOf(
  config: Pick<MachineConfig, 'machine' | 'members'>,
  settings: KernelSideSettings,
): RulesetSettings {
  const peers = config.members.filter((member) => member.name !== config.machine);
  const own = config.members.find((member) => member.name === config.machine);
  return {
    ...settings.ruleset,
    vrrpPeers: peers.map((peer) => peer.address).sort(),
    ...(own ? { memory: { address: own.address, port: settings.peersPort } } : {}),
  };
}
