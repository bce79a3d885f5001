import { openCommandSocket } from '@fairlead/haproxy';
import type { AddressFamily, Capabilities } from '@fairlead/model';
import { VERSION } from '@fairlead/telemetry';
import { release, userInfo } from 'node:os';
import type { DataPlane } from './apply.ts';
import type { NamedConfig, RunConfig } from './config.ts';
import { openForwarding } from './forwarding/kernel.ts';
import { FORWARD_NOTE, type RouterPaths } from './forwarding/router.ts';
import type { HaproxySettings } from './haproxy/files.ts';
import type { KeepalivedPaths } from './keepalived/types.ts';
import { createKernelSide, type KernelSide, type KernelSideSettings, rulesetOf } from './kernel-side.ts';
import { kernelFamilies } from './links/families.ts';
import { openLinks } from './links/kernel.ts';
import { openPodWays, type PodWays } from './links/pod-ways.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE } from './links/routing.ts';
import { openNftables } from './nftables/kernel.ts';
import { DEFAULT_MARK } from './nftables/ruleset.ts';
import { createOwnership, type Ownership } from './ownership/ownership.ts';
import { childSupervisor } from './processes/child.ts';
import { haproxySpec, keepalivedSpec } from './processes/specs.ts';
import { systemdSupervisor } from './processes/systemd.ts';
import { socketControl, systemctlControl } from './processes/unit-control.ts';
import type { ProcessSpec, Supervisor } from './processes/types.ts';
import { haproxyVersion, keepalivedVersion, type MachinePrograms } from './programs.ts';
import { chooseScriptMode } from './keepalived/script-mode.ts';

/** What an LB machine is made of, before it does anything. */
export interface Parts {
  readonly haproxy: HaproxySettings;
  readonly paths: KeepalivedPaths;
  readonly plane: DataPlane;
  readonly kernel: KernelSide;
  readonly podWays: PodWays;
  readonly ownership: Ownership;
  readonly supervisors: { readonly haproxy: Supervisor; readonly keepalived: Supervisor };
  /** Where keepalived says why it does what it does: a command, or a file. */
  readonly keepalivedLog: string;
}

const RUNTIME_TIMEOUT_MS = 5_000;

/** `onLack` hears, as a sentence, what this kernel cannot do. */
export function openParts(config: NamedConfig, programs: MachinePrograms, onLack: (message: string) => void): Parts {
  const families = kernelFamilies();
  const haproxy = haproxySettings(config, families);
  const paths = keepalivedPaths(config);
  const supervisors = supervisorsOf(config, programs, paths);
  const kernelSettings = kernelSettingsOf(config, families);
  const settings = rulesetOf({ machine: config.name, members: [] }, kernelSettings);
  const nftables = openNftables({ nft: programs.nft, settings, onLack });
  const { ip, flock, arping, conntrack, setpriv, keepalived } = programs;
  const forwarding = openForwarding({
    nft: programs.nft,
    ...(conntrack ? { conntrack } : {}),
    ...routerPaths(config),
  });
  const links = openLinks({
    ip,
    ...(arping ? { arping } : {}),
    ...(setpriv ? { monitorPrefix: [setpriv, '--pdeathsig', 'KILL'] } : {}),
  });
  const ownership = createOwnership(
    {
      paths,
      programs: { ip, flock, ...(arping ? { arping } : {}) },
      keepalived,
      healthPort: config.healthPort,
      scripts: chooseScriptMode(config.keepalivedScripts),
      user: userInfo().username,
    },
    supervisors.keepalived,
  );
  const runtime = openCommandSocket(haproxy.statsSocket, RUNTIME_TIMEOUT_MS);
  return {
    haproxy,
    paths,
    plane: { runtime, mapFile: haproxy.mapFile, nftables, forwarding, links },
    kernel: createKernelSide(kernelSettings, nftables, links),
    podWays: openPodWays(ip),
    ownership,
    supervisors,
    keepalivedLog: config.processes === 'systemd' ? 'journalctl --unit=keepalived' : childLogFile(config, 'keepalived'),
  };
}

function childLogFile({ runDir }: Pick<RunConfig, 'runDir'>, program: string): string {
  return `${runDir}/${program}.log`;
}

/** What lbagent asks of the kernel, for every load balancer alike. */
export function kernelSettingsOf(
  { catchPort, peersPort }: Pick<RunConfig, 'catchPort' | 'peersPort'>,
  families: readonly AddressFamily[],
): KernelSideSettings {
  const lack = families.includes('ipv6') ? {} : { ipv6: false as const };
  return {
    peersPort,
    ruleset: { ipv4Port: catchPort, ipv6Port: catchPort, mark: DEFAULT_MARK, ...lack },
    routing: { table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY, ...lack },
  };
}

/** Leaves everything running. */
export async function closeParts({ plane, supervisors }: Parts): Promise<void> {
  supervisors.haproxy.release();
  supervisors.keepalived.release();
  plane.runtime.close();
  await Promise.all([plane.nftables.close(), plane.forwarding.close(), plane.links.close()]);
}

/** Where it is noted that this machine is a router for our sake only. */
export function routerPaths({ runDir }: Pick<RunConfig, 'runDir'>): RouterPaths {
  return { procSys: '/proc/sys', note: `${runDir}/${FORWARD_NOTE}` };
}

export function keepalivedPaths(config: Pick<RunConfig, 'keepalivedConfig' | 'stateDir' | 'runDir'>): KeepalivedPaths {
  return {
    config: config.keepalivedConfig,
    directory: `${config.stateDir}/keepalived`,
    runDirectory: config.runDir,
  };
}

export async function capabilitiesOf(programs: MachinePrograms): Promise<Capabilities> {
  return {
    agentVersion: VERSION,
    haproxyVersion: (await haproxyVersion(programs.haproxy)) ?? '',
    keepalivedVersion: (await keepalivedVersion(programs.keepalived)) ?? '',
    kernelVersion: release(),
  };
}

function haproxySettings(config: RunConfig, families: readonly AddressFamily[]): HaproxySettings {
  return {
    configFile: config.haproxyConfig,
    mapFile: config.haproxyConfig.replace(/[^/]+$/, 'services.map'),
    statsSocket: config.haproxySocket,
    masterSocket: config.haproxyMasterSocket,
    catchPort: config.catchPort,
    healthPort: config.healthPort,
    families,
    slots: config.slots,
  };
}

function supervisorsOf(config: RunConfig, programs: MachinePrograms, paths: KeepalivedPaths): Parts['supervisors'] {
  const control =
    config.unitControl === undefined ? systemctlControl(programs.systemctl) : socketControl(config.unitControl);
  const supervise = (spec: ProcessSpec): Supervisor =>
    config.processes === 'systemd'
      ? systemdSupervisor(spec, control)
      : childSupervisor(spec, { stateDirectory: config.runDir, logFile: childLogFile(config, spec.name) });
  const haproxy = haproxySpec({
    binary: programs.haproxy,
    config: config.haproxyConfig,
    masterSocket: config.haproxyMasterSocket,
    pidFile: `${config.runDir}/haproxy.pid`,
  });
  return {
    haproxy: supervise(haproxy),
    keepalived: supervise(keepalivedSpec({ binary: programs.keepalived, paths })),
  };
}
