import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildApps, buildPrograms } from '../../tools/build.ts';
import { attachMachines, openMachines, type Machines } from './machines.ts';
import { ensureParts } from './parts.ts';
import type { BootSpec } from './protocol.ts';
import { startProber, type Prober } from './prober-client.ts';
import { ADMIN_SOCKET, PORTS } from './site/apps.ts';
import { assembleFairlead, assembleHosts, type Assembly } from './site/assemble.ts';
import { planSite, type Site, type SiteOptions } from './site/plan.ts';
import { logIn, operatorConfig, readdress } from './site/operator.ts';
import { untilServing } from './site/serving.ts';
import { renderSiteFile } from './site/site-file.ts';

export interface LabOptions extends Partial<SiteOptions> {
  readonly name: string;
  /** False: outlives this process, until `down`. Then it is for `attachLab`. */
  readonly bound?: boolean;
  /** LB machines that boot this, with nothing of Fairlead's on them: whoever tests adds them. */
  readonly machinesBoot?: BootSpec;
  /** False: hosts and Kubernetes alone, for those who install Fairlead themselves. */
  readonly fairlead?: boolean;
  /** More flags for the cloudagent, for example `--leaf-lifetime=3m`. */
  readonly cloudagentFlags?: readonly string[];
  /** Brings Kubernetes up once the site is; undefined: a site without. */
  readonly kubernetes?: (lab: Lab, assembly: Assembly) => Promise<Kubernetes>;
  readonly onProgress?: (sentence: string) => void;
  readonly environment?: NodeJS.ProcessEnv;
}

/** What host-side tools need to know of the lab's cluster. */
export interface Kubernetes {
  /** A file on this machine, good while the lab is up. */
  readonly kubeconfig: string;
  /** Directory of kubectl. */
  readonly bin: string;
}

/** A whole site in network namespaces. */
export interface Lab extends Machines {
  readonly site: Site;
  readonly kubernetes: Kubernetes | undefined;
  /** Paths of the bundles. */
  readonly apps: Assembly['apps'];
  /** On this machine: what `fairlead` needs to be told, as $FAIRLEAD_CONFIG, to speak to the site as an administrator. */
  readonly operatorConfig: string;
  /** Runs `fairlead` beside the cloudagent, as admin; throws unless its code is 0. Returns stdout. */
  fairlead(argv: readonly string[], options?: { stdin?: string }): Promise<string>;
  /** Measures from host "client", or another. */
  startProber(host?: string): Promise<Prober>;
}

/** Of one lab, for those who attach to it later; a file in its directory. */
interface LabRecord {
  readonly site: Site;
  readonly apps: Assembly['apps'];
  readonly kubernetes?: Kubernetes;
}

const RECORD = 'lab.json';

/** Brings a lab up. Unless `bound` is false nothing of it is left when this process ends, however that happens. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const onProgress = options.onProgress ?? (() => undefined);
  const environment = options.environment ?? process.env;
  const settings = withDefaults(options);
  if (settings.dualStack && !existsSync('/proc/net/if_inet6')) {
    throw new Error('This kernel has no IPv6, so a site cannot have both families: boot it without ipv6.disable=1.');
  }
  const site = planSite(settings);
  const [parts, apps, programs] = await Promise.all([
    ensureParts({ onProgress, environment }),
    buildApps(),
    buildPrograms(),
  ]);
  const forwards = [
    { name: 'control', address: site.cloudagent.address, port: PORTS.control },
    { name: 'join', address: site.cloudagent.address, port: PORTS.join },
    { name: 'kubernetes', address: site.control.address, port: site.cluster.port },
  ];
  const machines = await openMachines({
    name: options.name,
    bound: options.bound ?? true,
    wireAddress: `${site.wire}/${site.subnet.split('/')[1]}`,
    path: `${parts.bin}:${environment['PATH'] ?? ''}`,
    forwards,
  });
  try {
    const { machinesBoot, cloudagentFlags = [] } = options;
    const assembly: Assembly = {
      machines,
      site,
      siteFile: renderSiteFile(site, settings),
      ...(machinesBoot ? { machinesBoot } : {}),
      cloudagentFlags,
      apps,
      programs,
      onProgress,
    };
    await assembleHosts(assembly);
    const record: LabRecord = { site, apps };
    const lab = labOf(machines, record);
    const staticLoadBalancers = machinesBoot ? [] : settings.staticLoadBalancers;
    if (options.fairlead !== false) await startFairlead(lab, assembly, staticLoadBalancers);
    const kubernetes = await options.kubernetes?.(lab, assembly);
    const whole = kubernetes ? { ...record, kubernetes } : record;
    writeFileSync(join(machines.directory, RECORD), JSON.stringify(whole));
    return labOf(machines, whole);
  } catch (error) {
    await machines.down();
    throw error;
  }
}

async function startFairlead(lab: Lab, assembly: Assembly, staticLoadBalancers: readonly string[]): Promise<void> {
  await assembleFairlead(assembly);
  const token = await lab.fairlead(['tokens', 'create', 'operator', 'lab', '--role', 'admin']);
  const local = (name: string) => `127.0.0.1:${lab.ports[name]}`;
  await logIn(lab.apps.fairlead, lab.directory, readdress(token, local('join'), local('control')));
  await untilServing(lab, staticLoadBalancers);
}

/** The lab of that name, which somebody else started. */
export async function attachLab(name: string): Promise<Lab> {
  const machines = await attachMachines(name);
  try {
    return labOf(machines, JSON.parse(readFileSync(join(machines.directory, RECORD), 'utf8')) as LabRecord);
  } catch {
    machines.disconnect();
    throw new Error(`lab ${name} is not up yet: wait until \`up\` is done`);
  }
}

function withDefaults(options: LabOptions): SiteOptions {
  return {
    nodes: options.nodes ?? 3,
    machines: options.machines ?? 2,
    advertInterval: options.advertInterval ?? '100ms',
    quarantine: options.quarantine ?? '0s',
    ...(options.vipRanges ? { vipRanges: options.vipRanges } : {}),
    ...(options.cluster ? { cluster: options.cluster } : {}),
    declareMachines: options.declareMachines ?? options.machinesBoot === undefined,
    controlPlane: options.controlPlane ?? options.kubernetes !== undefined,
    dualStack: options.dualStack ?? false,
    staticLoadBalancers: options.staticLoadBalancers ?? (options.kubernetes ? [] : ['web']),
  };
}

function labOf(machines: Machines, record: LabRecord): Lab {
  const admin = [process.execPath, record.apps.fairlead, '--socket', ADMIN_SOCKET];
  return {
    ...machines,
    site: record.site,
    kubernetes: record.kubernetes,
    apps: record.apps,
    operatorConfig: operatorConfig(machines.directory),
    fairlead: (argv, options) => machines.must(record.site.cloudagent.name, [...admin, ...argv], options),
    startProber: (host) => startProber(machines, host),
  };
}
