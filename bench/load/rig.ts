import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureParts, findOnPath } from '../../e2e/lab/parts.ts';
import { PLAIN, type Rig, startRig } from '../machine/rig.ts';
import { BULK, HTTP_NODE_PORT, LOADED, NODES, plainVipOf, SERVICE_PORT, vipOf } from '../machine/state.ts';
import type { Context } from '../scenario.ts';
import { NODE_CONFIG, renderPlainDnat, renderPlainLoaded } from './config.ts';

/** A rig on whose nodes something answers load, with the service under load and others beside it on its LB machine. */
export interface LoadedRig extends Rig {
  readonly wrk: string;
  readonly iperf3: string;
}

/** The ways from the client to a node, as addresses: through lbagent, through the baseline, and without either. */
export const WAYS = { ours: vipOf(LOADED), plain: plainVipOf(LOADED), straight: bulkNode().address } as const;
export type Way = keyof typeof WAYS;

/** HTTP requests, on each of the ways. */
export function requestPort(way: Way): number {
  return way === 'straight' ? HTTP_NODE_PORT : SERVICE_PORT;
}

/** How many other services lbagent has. */
export const OTHERS = { quick: 5, usual: 1000 } as const;

/**
 * `baseline`: HAProxy with the same service and no other, or nftables with one rule for it. Whoever calls takes
 * `machines` down.
 */
export async function startLoadedRig(
  { parts, directory, quick }: Context,
  baseline: 'haproxy' | 'dnat',
): Promise<LoadedRig> {
  const tools = await loadTools();
  const rig = await startRig({ parts, directory });
  try {
    const files = join(directory, 'load');
    mkdirSync(files);
    await startNodes(rig, files, tools.iperf3);
    await rig.machines.must(PLAIN.name, ['ip', 'address', 'add', `${WAYS.plain}/32`, 'dev', 'eth0']);
    await (baseline === 'haproxy' ? startPlainHaproxy(rig, files) : forwardPlainly(rig));
    await rig.pusher.ask({ order: 'fill', count: OTHERS[quick ? 'quick' : 'usual'] });
    await rig.pusher.ask({ order: 'load', udp: baseline === 'dnat' });
    return { ...rig, ...tools };
  } catch (error) {
    await rig.machines.down();
    throw error;
  }
}

async function loadTools(): Promise<Pick<LoadedRig, 'wrk' | 'iperf3'>> {
  const needed = ['wrk', 'iperf3'].map((program) => ({ program, package: program }));
  const { bin } = await ensureParts({ needed });
  return { wrk: findOnPath('wrk', bin)!, iperf3: findOnPath('iperf3', bin)! };
}

async function startNodes({ machines }: Rig, files: string, iperf3: string): Promise<void> {
  const config = join(files, 'node.cfg');
  writeFileSync(config, NODE_CONFIG);
  for (const { name: host, address } of NODES) {
    const argv = ['haproxy', '-W', '-f', config];
    await machines.run({ host, name: 'http', argv, ready: { kind: 'tcp', address, port: HTTP_NODE_PORT } });
  }
  const { name: host, address } = bulkNode();
  const argv = [iperf3, '--server', '--port', `${BULK.port}`];
  await machines.run({ host, name: 'bulk', argv, ready: { kind: 'tcp', address, port: BULK.port } });
}

async function startPlainHaproxy({ machines }: Rig, files: string): Promise<void> {
  const config = join(files, 'plain.cfg');
  writeFileSync(config, renderPlainLoaded(WAYS.plain));
  await machines.run({
    host: PLAIN.name,
    name: 'haproxy',
    argv: ['haproxy', '-W', '-f', config],
    ready: { kind: 'tcp', address: WAYS.plain, port: SERVICE_PORT },
  });
}

async function forwardPlainly({ machines }: Rig): Promise<void> {
  await machines.must(PLAIN.name, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  await machines.must(PLAIN.name, ['nft', '-f', '-'], { stdin: renderPlainDnat(WAYS.plain) });
}

function bulkNode(): { readonly name: string; readonly address: string } {
  return NODES.find(({ name }) => name === BULK.node)!;
}
