import type { MachineConfig } from '@fairlead/model';
import { explainFailure } from '@fairlead/telemetry';
import { prepareKeepalived, writeKeepalivedConfig, writeLossyFile, writeTrackFile } from '../keepalived/files.ts';
import { keepalivedProblems, renderKeepalived, type ScriptMode } from '../keepalived/render.ts';
import type { ScriptPrograms } from '../keepalived/scripts.ts';
import type { KeepalivedPaths } from '../keepalived/types.ts';
import type { ObservedLink } from '../links/types.ts';
import type { Supervisor } from '../processes/types.ts';
import { createTakeover } from './takeover.ts';
import type { Wanted } from '../wanted/wanted.ts';

export interface OwnershipSettings {
  readonly paths: KeepalivedPaths;
  readonly programs: ScriptPrograms;
  /** Path of keepalived. */
  readonly keepalived: string;
  readonly healthPort: number;
  readonly scripts: ScriptMode;
  /** Whom keepalived runs as. */
  readonly user: string;
}

/** Who answers for the addresses: keepalived, its configuration and the batches that its scripts run. */
export interface Ownership {
  /** Directories, scripts and fifo, before anything else; what could not be done is done by the next `ensure`. */
  prepare(): Promise<void>;
  /** What this machine would do as owner of these VIPs. */
  prepareTakeover(config: MachineConfig, vips: Wanted['vips'], links: readonly ObservedLink[]): Promise<void>;
  /**
   * Configuration in place and keepalived running with it; looks at the file only when `look` is set or the machine's
   * config is another. Returns what a person should know; empty: all is well. Never throws: what is served does not wait
   * for who owns the addresses.
   */
  ensure(config: MachineConfig, look: boolean): Promise<readonly string[]>;
  /**
   * Whether this machine is fit to own addresses; keepalived hands them over within tens of milliseconds when not. It is
   * told when this returns; throws when the file cannot be written.
   */
  setFit(fit: boolean): void;
  /** Whether another machine is to be preferred where two claim the addresses; moves nothing by itself. As `setFit`. */
  setLossy(lossy: boolean): void;
}

export function createOwnership(settings: OwnershipSettings, keepalived: Supervisor): Ownership {
  const { paths, programs, healthPort, scripts, user } = settings;
  const takeover = createTakeover(paths);
  let fit: boolean | undefined;
  let lossy: boolean | undefined;
  let ensured: { readonly config: MachineConfig; readonly findings: readonly string[] } | undefined;
  let isPrepared = false;
  const setLossy = (next: boolean): void => {
    if (lossy === next) return;
    writeLossyFile(paths, next);
    lossy = next;
  };
  const prepare = async (): Promise<void> => {
    await prepareKeepalived({ paths, programs, healthPort });
    // Ours before keepalived makes it, which may be another user.
    setLossy(lossy ?? false);
    isPrepared = true;
  };
  const ensureRunning = async (config: MachineConfig): Promise<readonly string[]> => {
    if (config.vrrpInstances.length === 0) return [];
    if (!isPrepared) await prepare();
    const problems = keepalivedProblems({ config, paths, scripts, user });
    if (problems.length > 0) return problems.map((problem) => `keepalived: ${problem}`);
    const content = renderKeepalived({ config, paths, scripts, user });
    const outcome = await writeKeepalivedConfig({ paths, keepalived: settings.keepalived, content });
    if (keepalived.status().kind === 'stopped') await keepalived.start();
    else if (outcome.kind === 'changed' && keepalived.status().kind === 'running') await keepalived.reload();
    return outcome.kind === 'refused' ? [outcome.message] : [];
  };
  return {
    prepare,
    prepareTakeover: (config, vips, links) => takeover.prepare(config, vips, links),
    async ensure(config, look) {
      if (!look && ensured?.config === config) return ensured.findings;
      const findings = await ensureRunning(config).catch((error: unknown) => [
        `keepalived does not run as it should: ${explainFailure(error)}`,
      ]);
      ensured = { config, findings };
      return ensured.findings;
    },
    setFit(next) {
      if (fit === next) return;
      writeTrackFile(paths, next);
      fit = next;
    },
    setLossy,
  };
}
