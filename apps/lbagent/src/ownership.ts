import type { MachineConfig, MachineState } from '@fairlead/model';
import { familyOf } from '@fairlead/model';
import { prepareKeepalived, writeBatches, writeKeepalivedConfig, writeTrackFile } from './keepalived/files.ts';
import { keepalivedProblems, renderKeepalived, type ScriptMode } from './keepalived/render.ts';
import type { ScriptPrograms } from './keepalived/scripts.ts';
import type { InstanceAddresses, KeepalivedPaths } from './keepalived/types.ts';
import type { LinksObserved } from './links/types.ts';
import type { Supervisor } from './processes/types.ts';
import type { Wanted } from './wanted.ts';

export interface OwnershipSettings {
  readonly paths: KeepalivedPaths;
  readonly programs: ScriptPrograms;
  /** Path of keepalived. */
  readonly keepalived: string;
  readonly healthPort: number;
  readonly scripts: ScriptMode;
}

/** Who answers for the addresses: keepalived, its configuration and the batches that its scripts run. */
export interface Ownership {
  /** Directories, scripts and fifo; once, before anything else. */
  prepare(): Promise<void>;
  /** What this machine would do as owner: call it before the addresses are looked at. */
  prepareTakeover(state: MachineState, wanted: Wanted, links: LinksObserved): Promise<void>;
  /**
   * Configuration in place and keepalived running with it; looks at the file only when `look` is set or the machine's
   * config is another. Returns what a person should know; empty: all is well.
   */
  ensure(state: MachineState, look: boolean): Promise<readonly string[]>;
  /** Whether this machine is fit to own addresses; keepalived hands them over within tens of milliseconds when not. */
  setFit(fit: boolean): Promise<void>;
}

export function createOwnership(settings: OwnershipSettings, keepalived: Supervisor): Ownership {
  const { paths, programs, healthPort, scripts } = settings;
  let batches = '';
  let fit: boolean | undefined;
  let ensured: { readonly config: MachineConfig; readonly findings: readonly string[] } | undefined;
  const ensureRunning = async (config: MachineConfig): Promise<readonly string[]> => {
    if (config.vrrpInstances.length === 0) return [];
    const problems = keepalivedProblems({ config, paths, scripts });
    if (problems.length > 0) return problems.map((problem) => `keepalived: ${problem}`);
    const content = renderKeepalived({ config, paths, scripts });
    const outcome = await writeKeepalivedConfig({ paths, keepalived: settings.keepalived, content });
    if (keepalived.status().kind === 'stopped') await keepalived.start();
    else if (outcome.kind === 'changed' && keepalived.status().kind === 'running') await keepalived.reload();
    return outcome.kind === 'refused' ? [outcome.message] : [];
  };
  return {
    prepare: () => prepareKeepalived({ paths, programs, healthPort }),
    async prepareTakeover(state, wanted, links) {
      const instances = instanceAddresses(state, wanted, links);
      const key = JSON.stringify(instances);
      if (key === batches) return;
      await writeBatches(paths, instances);
      batches = key;
    },
    async ensure({ config }, look) {
      if (!look && ensured?.config === config) return ensured.findings;
      ensured = { config, findings: await ensureRunning(config) };
      return ensured.findings;
    },
    async setFit(next) {
      if (fit === next) return;
      await writeTrackFile(paths, next);
      fit = next;
    },
  };
}

/** Every instance with its VIPs and the link they go on, in order, so that equal input gives equal output. */
function instanceAddresses(state: MachineState, wanted: Wanted, links: LinksObserved): readonly InstanceAddresses[] {
  return [...state.config.vrrpInstances]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, anchorAddress, network }): InstanceAddresses[] => {
      const attachment = state.config.networks.find((each) => each.network === network);
      if (!attachment) return [];
      const { device } = attachment;
      const vips = wanted.vips.filter((vip) => vip.vrrpInstance === name && vip.device === device);
      const mac = attachment.announce ? links.links.find((link) => link.device === device)?.mac : undefined;
      return [
        {
          instance: name,
          device,
          anchor: anchorAddress,
          vips: vips
            .map((vip) => vip.address)
            .sort((a, b) => familyOf(a).localeCompare(familyOf(b)) || (a < b ? -1 : 1)),
          ...(mac === undefined ? {} : { mac }),
        },
      ];
    });
}
