import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../e2e/lab/command.ts';
import { nowNs, type ReloaderAnswer, type ReloaderOrder } from './protocol.ts';
import { renderSeedConfig } from './seed-config.ts';
import { serveOrders } from './serve-orders.ts';
import { NODES, plainVipOf } from './state.ts';

/**
 * The baseline: an agent that renders every service into haproxy.cfg, has HAProxy check it and reload it, as the packaged
 * unit's `systemctl reload` does. `reloader.ts HAPROXY DIRECTORY`
 */
const [haproxy, directory] = process.argv.slice(2) as [string, string];
const config = join(directory, 'haproxy.cfg');
const services = new Map<number, readonly string[]>();
let master: ChildProcess | undefined;

function backends(nodes: 'all' | readonly string[]): readonly string[] {
  return NODES.filter(({ name }) => nodes === 'all' || nodes.includes(name)).map(({ address }) => address);
}

async function load(): Promise<void> {
  writeFileSync(config, renderSeedConfig(services, join(directory, 'haproxy.sock')));
  if (master === undefined) {
    master = spawn(haproxy, ['-W', '-f', config], { stdio: ['ignore', 'ignore', 'inherit'] });
    await once(master, 'spawn');
    return;
  }
  await must([haproxy, '-c', '-q', '-f', config]);
  master.kill('SIGUSR2');
}

function addresses(indexes: readonly number[], verb: 'replace' | 'delete'): Promise<string> {
  const lines = indexes.map((index) => `address ${verb} ${plainVipOf(index)}/32 dev eth0`);
  return must(['ip', '-batch', '-'], { stdin: lines.join('\n') });
}

async function obey(order: ReloaderOrder): Promise<ReloaderAnswer> {
  const receivedNs = nowNs();
  if (order.order === 'fill') {
    const fresh = Array.from({ length: order.count }, (_, index) => index).filter((index) => !services.has(index));
    for (const index of fresh) services.set(index, backends('all'));
    await addresses(fresh, 'replace');
  } else if (order.order === 'remove') {
    services.delete(order.index);
    await addresses([order.index], 'delete');
  } else if (order.order === 'node') {
    const left = NODES.map(({ name }) => name).filter((name) => order.there || name !== order.name);
    for (const index of services.keys()) services.set(index, backends(left));
  } else {
    services.set(order.index, backends(order.order === 'add' ? 'all' : order.nodes));
    if (order.order === 'add') await addresses([order.index], 'replace');
  }
  await load();
  return { receivedNs, toldNs: nowNs() };
}

await serveOrders(obey);
