import { type App, NODE_FLAGS, type Program } from '../../../tools/build.ts';
import type { Machines } from '../machines.ts';
import type { BootSpec, HostSpec } from '../protocol.ts';
import { ADMIN_SOCKET, cloudagentArguments, lbagentArguments, pkiDirectory, PORTS, SITE_FILE } from './apps.ts';
import type { NodeHost, Site, SiteHost } from './plan.ts';

/** What a site is put together from. */
export interface Assembly {
  readonly machines: Machines;
  readonly site: Site;
  readonly siteFile: string;
  /** Absent: LB machines are hosts like the others, and are joined. */
  readonly machinesBoot?: BootSpec;
  readonly cloudagentFlags: readonly string[];
  readonly apps: Readonly<Record<App, string>>;
  readonly programs: Readonly<Record<Program, string>>;
  readonly onProgress: (sentence: string) => void;
}

/** Machines, links and echo programs: all that is there before Fairlead is. */
export async function assembleHosts({ machines, site, programs, machinesBoot }: Assembly): Promise<void> {
  const on = hostSpecOf(site);
  const podRoutes = (self: string) =>
    site.nodes
      .filter((node) => node.name !== self)
      .flatMap(({ podCidr, address, podCidr6, address6 }) => [
        `${podCidr} via ${address}`,
        ...(podCidr6 === undefined ? [] : [`${podCidr6} via ${address6}`]),
      ]);
  const forwarding = {
    'net.ipv4.ip_forward': '1',
    ...(site.subnet6 === undefined ? {} : { 'net.ipv6.conf.all.forwarding': '1' }),
  };
  await machines.addHost({ ...on(site.client), sysctls: CLIENT_SYSCTLS });
  await machines.addHost({ ...on(site.control), routes: podRoutes(site.control.name) });
  await machines.addHost(on(site.cloudagent));
  const boots = machinesBoot ? { boots: machinesBoot } : {};
  await Promise.all(site.machines.map((machine) => machines.addHost({ ...on(machine), ...boots })));
  for (const node of site.nodes) {
    await machines.addHost({ ...on(node), routes: podRoutes(node.name), sysctls: forwarding });
  }
  await Promise.all(site.nodes.map((node) => machines.run(echoOn(node, site, programs.echo))));
}

/** A host of the site with its addresses, as the lab wants it. */
function hostSpecOf({ subnet, subnet6 }: Site): (host: SiteHost) => HostSpec {
  const length = (cidr: string) => cidr.split('/')[1];
  return ({ name, address, address6 }) => ({
    name,
    address: `${address}/${length(subnet)}`,
    ...(subnet6 === undefined ? {} : { address6: `${address6}/${length(subnet6)}` }),
  });
}

/** A prober opens a hundred connections a second: ports must not run out. */
const CLIENT_SYSCTLS = { 'net.ipv4.ip_local_port_range': '1024 65535', 'net.ipv4.tcp_tw_reuse': '1' };

function echoOn(node: NodeHost, site: Site, program: string) {
  const { http, tcp, udp } = site.echo;
  return {
    host: node.name,
    name: 'echo',
    argv: [process.execPath, program, '--name', node.name, '--http', `${http}`, '--tcp', `${tcp}`, '--udp', `${udp}`],
    ready: { kind: 'http', url: `http://${node.address}:${http}/readyz` },
    boot: true,
  } as const;
}

/** Starts the cloudagent, enrols every LB machine that does not boot with a join token and starts lbagent there. */
export async function assembleFairlead(assembly: Assembly): Promise<void> {
  const { machines, site, apps, onProgress } = assembly;
  onProgress('starting the cloudagent');
  await machines.writeFile(site.cloudagent.name, SITE_FILE, assembly.siteFile);
  await machines.run({
    host: site.cloudagent.name,
    name: 'cloudagent',
    argv: asUnit([
      process.execPath,
      ...NODE_FLAGS.cloudagent,
      apps.cloudagent,
      ...cloudagentArguments(site.name, site.cloudagent),
      ...assembly.cloudagentFlags,
    ]),
    ready: { kind: 'http', url: `http://${site.cloudagent.address}:${PORTS.metrics}/readyz` },
    boot: true,
  });
  if (assembly.machinesBoot) return;
  onProgress(`enrolling ${site.machines.map(({ name }) => name).join(', ')}`);
  const admin = [process.execPath, apps.fairlead, '--socket', ADMIN_SOCKET];
  const makeToken = (name: string) =>
    machines.must(site.cloudagent.name, [...admin, 'tokens', 'create', 'lbagent', name]);
  await Promise.all(site.machines.map((machine) => joinMachine(assembly, machine, makeToken)));
}

/** With /run/fairlead made first, as RuntimeDirectory= of a systemd unit does. */
function asUnit(argv: readonly string[]): string[] {
  return ['sh', '-c', 'mkdir -p -m 700 /run/fairlead && exec "$@"', 'unit', ...argv];
}

/** Enrols an LB machine with a token that is made for it, and starts lbagent there. */
export async function joinMachine(
  { machines, apps }: Pick<Assembly, 'machines' | 'apps'>,
  machine: SiteHost,
  makeToken: (machine: string) => Promise<string>,
): Promise<void> {
  const token = await makeToken(machine.name);
  const lbagent = [process.execPath, ...NODE_FLAGS.lbagent, apps.lbagent];
  const join = [...lbagent, 'join', '--pki-dir', pkiDirectory(machine.name)];
  await machines.must(machine.name, join, { stdin: token });
  await machines.run({
    host: machine.name,
    name: 'lbagent',
    argv: asUnit([...lbagent, ...lbagentArguments(machine)]),
    ready: { kind: 'http', url: `http://${machine.address}:${PORTS.lbagentMetrics}/healthz` },
    boot: true,
  });
}
