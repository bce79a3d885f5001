import { mkdirSync, writeFileSync } from 'node:fs';
import { address } from '@fairlead/model';
import type { MachineConfig } from '@fairlead/model';
import { meetingPlaceOf } from '../kernel-side.ts';
import { openLinks } from '../links/kernel.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE } from '../links/routing.ts';
import { openNftables } from '../nftables/kernel.ts';
import { DEFAULT_MARK } from '../nftables/ruleset.ts';
import { childSupervisor } from '../processes/child.ts';
import { programPath } from '../processes/namespace.fixture.ts';
import { haproxySpec, keepalivedSpec } from '../processes/specs.ts';
import type { Supervisor } from '../processes/types.ts';
import { prepareKeepalived, writeBatches, writeKeepalivedConfig, writeTrackFile } from './files.ts';
import { renderKeepalived } from './render.ts';
import type { KeepalivedPaths } from './types.ts';

/** One LB machine of the pair 10.9.0.11 and 10.9.0.12, inside its own namespace, without lbagent's planning. */
export interface TestMachine {
  readonly name: string;
  readonly advertIntervalMs: number;
  readonly vips: readonly string[];
  /** The machines speak to each other by IPv6, and the anchor is of it. */
  readonly overIpv6?: true;
}

export const ANCHOR = '10.9.0.100';
export const ANCHOR6 = 'fd09::64';
export const VIP_PORT = 80;

export function machinePaths(name: string): KeepalivedPaths {
  return {
    config: `/run/${name}/etc/keepalived.conf`,
    directory: `/run/${name}/vrrp`,
    runDirectory: `/run/${name}/run`,
  };
}

export function machineConfig({ name, advertIntervalMs, overIpv6 }: TestMachine): MachineConfig {
  const network = overIpv6 ? 'fd09::' : '10.9.0.';
  return {
    machine: name,
    loadBalancerSet: 'edge',
    members: ['lb-1', 'lb-2'].map((member, index) => ({ name: member, address: address(`${network}1${index + 1}`) })),
    vrrpInstances: [
      {
        name: 'edge-1',
        virtualRouterId: 51,
        anchorAddress: address(overIpv6 ? ANCHOR6 : ANCHOR),
        network: 'lan',
        advertIntervalMs,
        priorities: { 'lb-1': 250, 'lb-2': 225 },
      },
    ],
    networks: [{ network: 'lan', device: 'eth0', subnets: ['10.9.0.0/24'], gateways: [], announce: true }],
  };
}

/** Every caught connection is answered by HAProxy itself, with the machine's name. */
function haproxyConfig(name: string): string {
  return `
global
    stats socket /run/${name}/run/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout client 30s
    timeout connect 10s
    timeout server 30s
frontend caught
    bind 127.0.0.1:5000 transparent
    bind [::1]:5000 transparent
    http-request return status 200 content-type text/plain string ${name}
frontend health
    bind 127.0.0.1:5001
    http-request return status 200
`;
}

export function supervisorsOf(name: string): { readonly haproxy: Supervisor; readonly keepalived: Supervisor } {
  const run = `/run/${name}/run`;
  const haproxy = haproxySpec({
    binary: programPath('haproxy'),
    config: `/run/${name}/etc/haproxy.cfg`,
    masterSocket: `${run}/haproxy-master.sock`,
    pidFile: `${run}/haproxy.pid`,
  });
  const keepalived = keepalivedSpec({ binary: programPath('keepalived'), paths: machinePaths(name) });
  const options = (program: string) => ({ stateDirectory: run, logFile: `/run/${name}/${program}.log` });
  return {
    haproxy: childSupervisor(haproxy, options('haproxy')),
    keepalived: childSupervisor(keepalived, options('keepalived')),
  };
}

/** Brings the machine up and leaves it alone: from here on it is a machine whose lbagent is dead. */
export async function setUp(machine: TestMachine): Promise<unknown> {
  const { name } = machine;
  const config = machineConfig(machine);
  const paths = machinePaths(name);
  const ip = programPath('ip');
  mkdirSync(`/run/${name}/etc`, { recursive: true });
  writeFileSync(`/run/${name}/etc/haproxy.cfg`, haproxyConfig(name));
  await prepareKeepalived({ paths, programs: { ip, flock: programPath('flock') }, healthPort: 5001 });

  const peers = config.members.filter((member) => member.name !== name).map((member) => member.address);
  const settings = { ipv4Port: 5000, ipv6Port: 5000, mark: DEFAULT_MARK, vrrpPeers: peers };
  const nftables = openNftables({ nft: programPath('nft'), settings });
  await nftables.ensureBase(settings);
  const vips = machine.vips.map(address);
  await nftables.apply({ add: vips.map((vip) => ({ address: vip, port: VIP_PORT })), remove: [] });
  const links = openLinks({ ip });
  const kernel = { mark: DEFAULT_MARK, table: DEFAULT_TABLE, rulePriority: DEFAULT_RULE_PRIORITY, devices: ['eth0'] };
  const meeting = meetingPlaceOf(config);
  const routing = { ...kernel, ...(meeting ? { meeting } : {}) };
  const repairs = await links.ensureRouting(routing);
  const again = await links.ensureRouting(routing);
  const mac = (await links.observe()).links.find(({ device }) => device === 'eth0')?.mac;
  const anchor = config.vrrpInstances[0]!.anchorAddress;
  await writeBatches(paths, [{ instance: 'edge-1', device: 'eth0', mac: mac!, anchor, vips }]);

  const keepalived = programPath('keepalived');
  const content = renderKeepalived({ config, paths, scripts: 'keepalived', user: 'root' });
  const outcome = await writeKeepalivedConfig({ paths, keepalived, content });
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  writeTrackFile(paths, true);
  const supervisors = supervisorsOf(name);
  await supervisors.haproxy.start();
  await supervisors.keepalived.start();
  const adopted = Object.values(supervisors).map((supervisor) => supervisor.status());
  supervisors.haproxy.release();
  supervisors.keepalived.release();
  await Promise.all([nftables.close(), links.close()]);
  return { outcome, repairs: repairs.length, again, adopted };
}

/** Announces all addresses of the link again and again, as often as new Services might come. */
export async function announceOften(): Promise<unknown> {
  const links = openLinks({ ip: programPath('ip') });
  const failures: string[] = [];
  for (let count = 0; count < 50; count++) {
    failures.push(...(await links.announce(['eth0'])));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await links.close();
  return failures;
}

/** What lbagent does for a new service on the owner; resolves with the time at which nft had it. */
export async function addVip({ name, vips }: TestMachine): Promise<number> {
  const config = machineConfig({ name, vips, advertIntervalMs: 100 });
  const peers = config.members.filter((member) => member.name !== name).map((member) => member.address);
  const settings = { ipv4Port: 5000, ipv6Port: 5000, mark: DEFAULT_MARK, vrrpPeers: peers };
  const nftables = openNftables({ nft: programPath('nft'), settings });
  const links = openLinks({ ip: programPath('ip') });
  await links.apply({ add: vips.map((vip) => ({ device: 'eth0', address: address(vip) })), remove: [] });
  await nftables.apply({ add: vips.map((vip) => ({ address: address(vip), port: VIP_PORT })), remove: [] });
  const now = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 700));
  await Promise.all([nftables.close(), links.close()]);
  return now;
}

/** Supervises keepalived as lbagent does, for 4 s. */
export async function superviseKeepalived({ name }: TestMachine): Promise<unknown> {
  const { keepalived } = supervisorsOf(name);
  await keepalived.start();
  await new Promise((resolve) => setTimeout(resolve, 4000));
  const status = keepalived.status();
  keepalived.release();
  return status;
}
