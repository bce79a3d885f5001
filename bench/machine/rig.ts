import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildApps, buildPrograms, NODE_FLAGS } from '../../tools/build.ts';
import { type Machines, openMachines } from '../../e2e/lab/machines.ts';
import { findOnPath, type Parts } from '../../e2e/lab/parts.ts';
import { writeCredentials } from './credentials.ts';
import { type Peer, startPeer } from './peer.ts';
import type { KnockAnswer, KnockOrder, PusherAnswer, PusherOrder, ReloaderAnswer, ReloaderOrder } from './protocol.ts';
import { LB, NODE_PORT, NODES } from './state.ts';

/**
 * One LB machine with a real lbagent, one with the baseline, five nodes and a client, each in a network namespace of its
 * own on one bridge. Nobody but the rig tells lbagent anything: there is no cloudagent and no Kubernetes.
 */
export interface Rig {
  readonly machines: Machines;
  readonly pusher: Peer<PusherOrder, PusherAnswer>;
  readonly reloader: Peer<ReloaderOrder, ReloaderAnswer>;
  readonly client: Peer<KnockOrder, KnockAnswer>;
}

const LBAGENT_PORT = 7430;
/** On the LB machine. */
export const METRICS_PORT = 7431;
/** The machine of the baseline. */
export const PLAIN = { name: 'plain', address: '10.9.3.1' } as const;
const CLIENT_SYSCTLS = { 'net.ipv4.ip_local_port_range': '1024 65535', 'net.ipv4.tcp_tw_reuse': '1' };

/** Resolves when all is up; whoever calls takes `machines` down. */
export async function startRig({ parts, directory }: { parts: Parts; directory: string }): Promise<Rig> {
  const [apps, programs] = await Promise.all([buildApps(), buildPrograms(), writeCredentials(directory)]);
  const machines = await openMachines({
    name: `bench-${process.pid}`,
    bound: true,
    wireAddress: '10.9.0.1/16',
    path: `${parts.bin}:${process.env['PATH'] ?? ''}`,
  });
  try {
    await machines.addHost({ name: 'client', address: '10.9.0.100/16', sysctls: CLIENT_SYSCTLS });
    await machines.addHost({ name: 'cloudagent', address: '10.9.0.11/16', sysctls: CLIENT_SYSCTLS });
    for (const { name, address } of [LB, PLAIN, ...NODES]) await machines.addHost({ name, address: `${address}/16` });
    await Promise.all(NODES.map((node) => runEcho(machines, node, programs.echo)));
    await runLbagent(machines, apps.lbagent, directory);
    return { machines, ...(await startPeers(machines, parts, directory)) };
  } catch (error) {
    await machines.down();
    throw error;
  }
}

async function startPeers(machines: Machines, parts: Parts, directory: string): Promise<Omit<Rig, 'machines'>> {
  const program = (name: string) => join(import.meta.dirname, name);
  const plain = join(directory, 'plain');
  mkdirSync(plain);
  const haproxy = findOnPath('haproxy', parts.bin) ?? 'haproxy';
  const [pusher, reloader, client] = await Promise.all([
    startPeer<PusherOrder, PusherAnswer>(machines, 'cloudagent', [
      program('pusher.ts'),
      `${LB.address}:${LBAGENT_PORT}`,
      directory,
    ]),
    startPeer<ReloaderOrder, ReloaderAnswer>(machines, PLAIN.name, [program('reloader.ts'), haproxy, plain]),
    startPeer<KnockOrder, KnockAnswer>(machines, 'client', [program('knocker.ts')]),
  ]);
  return { pusher, reloader, client };
}

function runEcho(machines: Machines, node: { name: string; address: string }, program: string): Promise<number> {
  return machines.run({
    host: node.name,
    name: 'echo',
    argv: [process.execPath, program, '--name', node.name, '--tcp', `${NODE_PORT}`],
    ready: { kind: 'tcp', address: node.address, port: NODE_PORT },
  });
}

/** With its files on a disk: what it writes beside its work must be seen in the figures. */
async function runLbagent(machines: Machines, lbagent: string, directory: string): Promise<void> {
  // One flag a line.
  // prettier-ignore
  const argv = [
    process.execPath, ...NODE_FLAGS.lbagent, lbagent, 'run',
    '--name', LB.name,
    '--listen', `${LB.address}:${LBAGENT_PORT}`,
    '--pki-dir', join(directory, 'pki'),
    '--state-dir', join(directory, 'state'),
    '--run-dir', '/run/fairlead',
    '--haproxy-config', join(directory, 'haproxy', 'haproxy.cfg'),
    '--keepalived-config', join(directory, 'keepalived', 'keepalived.conf'),
    '--processes', 'child',
    '--metrics-listen', `${LB.address}:${METRICS_PORT}`,
  ];
  await machines.run({
    host: LB.name,
    name: 'lbagent',
    argv: ['sh', '-c', 'mkdir -p -m 700 /run/fairlead && exec "$@"', 'unit', ...argv],
    ready: { kind: 'tcp', address: LB.address, port: LBAGENT_PORT },
  });
}
