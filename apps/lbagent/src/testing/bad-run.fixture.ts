import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { bridgeProblems } from '../links/bridge.ts';
import type { Machine } from '../machine.ts';
import { programPath } from '../processes/namespace.fixture.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { nodeSet, placed, stateOf } from './example.ts';
import { createSite, get, launch, node, runConfig, tcpPort, until } from './machine.fixture.ts';
import { acceptFull } from '../state/state.ts';
import type { PlacedLoadBalancer } from '@fairlead/model';
import type { Registry } from '@fairlead/telemetry';

/** What befalls a machine that serves, in namespaces of its own, told as plain data. */
let generation = 0;
const web = placed('web', '10.9.0.150', [tcpPort(80, 30080)]);
const shop = placed('shop', '10.9.0.151', [tcpPort(80, 30080)]);

/** As the cloudagent does, without waiting. */
function offer(machine: Machine, loadBalancers: readonly PlacedLoadBalancer[]): void {
  generation += 1;
  const state = stateOf(loadBalancers, nodeSet([1, 2, 3].map((index) => node(index))));
  const cause = { arrivedAt: performance.now(), traceparent: '' };
  machine.holder.offer((held) => acceptFull(held, { version: { epoch: 1, generation }, state, refused: [] }), cause);
}

const applied = (machine: Machine) => machine.board.current().applied.generation;
const findings = (machine: Machine): string => machine.board.current().findings.join('\n');
const sh = (script: string): Promise<string> => runOrThrow(['sh', '-c', script]);
const master = (): string => readFileSync('/run/lb/run/haproxy.process.json', 'utf8');

/** The disks of state and haproxy.cfg are full while a new load balancer comes. */
export async function diskFills(): Promise<unknown> {
  const { client } = await createSite();
  for (const directory of ['/run/lb/state', '/run/lb/etc/haproxy']) {
    mkdirSync(directory, { recursive: true });
    await sh(`mount -t tmpfs -o size=4m none ${directory}`);
  }
  const { machine } = await launch(runConfig());
  offer(machine, [web]);
  await until('web applied', () => applied(machine) === 1);
  await until('web answers', async () => 'said' in (await get(client, '10.9.0.150', 80)));
  const before = master();
  await sh('for d in /run/lb/state /run/lb/etc/haproxy; do cat /dev/zero >$d/fill 2>/dev/null || true; done');
  offer(machine, [web, shop]);
  // Of haproxy.cfg, or of what a successor would do, which comes before it.
  await until('told', () => /state file/.test(findings(machine)) && machine.board.current().findings.length > 1);
  const during = machine.board.current().findings;
  const answersDuring = 'said' in (await get(client, '10.9.0.150', 80));
  await sh('rm /run/lb/state/fill /run/lb/etc/haproxy/fill');
  await until('shop applied', () => applied(machine) === 2, 15_000);
  await until('nothing to tell', () => findings(machine) === '', 15_000);
  await until('shop answers', async () => 'said' in (await get(client, '10.9.0.151', 80)));
  const holds = (file: string, text: string): boolean => readFileSync(file, 'utf8').includes(text);
  const inConfig = (): boolean => holds('/run/lb/etc/haproxy/haproxy.cfg', 'backend_10.9.0.151_80');
  await until('shop stands in haproxy.cfg', inConfig, 15_000);
  const written = holds('/run/lb/state/desired-state.json', '"shop"');
  await machine.stop();
  return { during, answersDuring, written, sameHaproxy: master() === before };
}

/** lbagent comes back and cannot read what it remembered. */
export async function stateIsGarbled(): Promise<unknown> {
  const { client } = await createSite();
  const first = await launch(runConfig());
  offer(first.machine, [web]);
  await until('web answers', async () => 'said' in (await get(client, '10.9.0.150', 80)));
  await first.machine.stop();
  const before = master();
  const file = '/run/lb/state/desired-state.json';
  writeFileSync(file, readFileSync(file).subarray(0, 200));
  const { machine } = await launch(runConfig());
  await machine.ready(5_000);
  const told = machine.board.current().findings;
  const answers = 'said' in (await get(client, '10.9.0.150', 80));
  offer(machine, [web]);
  await until('nothing to tell', () => findings(machine) === '');
  await machine.stop();
  return { told, answers, sameHaproxy: master() === before, whole: readFileSync(file, 'utf8').endsWith(']}\n') };
}

/** Somebody has haproxy's port for a while. */
export async function portIsTaken(): Promise<unknown> {
  const { client } = await createSite();
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(5000, '127.0.0.1', resolve));
  const { machine } = await launch(runConfig());
  offer(machine, [web]);
  await until('told', () => findings(machine).includes('--catch-port'), 20_000);
  const told = machine.board.current().findings.filter((finding) => finding.includes('--catch-port'));
  await new Promise((resolve) => server.close(resolve));
  await until('web answers', async () => 'said' in (await get(client, '10.9.0.150', 80)), 20_000);
  await until('nothing to tell', () => findings(machine) === '');
  await machine.stop();
  return told;
}

/** keepalived is told whether the machine is fit, although nothing more can be written where that is said. */
export async function runDirectoryFills(): Promise<unknown> {
  mkdirSync('/run/lb/run', { recursive: true });
  await sh('mount -t tmpfs -o size=1m none /run/lb/run');
  const { machine } = await launch(runConfig());
  const track = (): string | undefined => {
    const file = '/run/lb/run/haproxy-unfit';
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  };
  await until('fit', () => track() === '0\n');
  await sh('cat /dev/zero >/run/lb/run/fill 2>/dev/null || true');
  const { pid } = JSON.parse(master()) as { pid: number };
  process.kill(-pid, 'SIGSTOP');
  await until('unfit', () => track() === '1\n');
  rmSync('/run/lb/run/fill');
  await until('fit again', () => track() === '0\n', 20_000);
  await machine.stop();
  return 'unfit and fit';
}

const keepalivedUp = async (registry: Registry): Promise<string | undefined> =>
  /^fairlead_keepalived_up\S* (\d)$/m.exec(await registry.metrics())?.[1];

/** keepalived is killed and cannot be started again, until it can. */
export async function keepalivedEnds(): Promise<unknown> {
  await createSite();
  mkdirSync('/run/lb', { recursive: true });
  const keepalived = '/run/lb/keepalived';
  const script = `#!/bin/sh\n[ ! -e /run/lb/broken ] || exit 1\nexec ${programPath('keepalived')} "$@"\n`;
  writeFileSync(keepalived, script, { mode: 0o755 });
  const { machine, registry } = await launch(runConfig(), { keepalived });
  offer(machine, [web]);
  await until('owns', () => machine.board.current().owned.length === 1);
  await until('nothing to tell', () => findings(machine) === '');
  const upBefore = await keepalivedUp(registry);
  writeFileSync('/run/lb/broken', '');
  const { pid } = JSON.parse(readFileSync('/run/lb/run/keepalived.process.json', 'utf8')) as { pid: number };
  process.kill(-pid, 'SIGKILL');
  await until('told why', () => findings(machine).includes('ended with code'));
  const told = machine.board.current().findings;
  const upDuring = await keepalivedUp(registry);
  rmSync('/run/lb/broken');
  await until('nothing to tell again', () => findings(machine) === '', 30_000);
  const upAfter = await keepalivedUp(registry);
  await machine.stop();
  return { told, up: [upBefore, upDuring, upAfter] };
}

/** The link that carries the addresses is set down for a while. */
export async function linkGoesDown(): Promise<unknown> {
  await createSite();
  const { machine, registry } = await launch(runConfig());
  offer(machine, [web]);
  await until('owns', () => machine.board.current().owned.length === 1);
  await sh('ip link set eth0 down');
  const ours = (): string | undefined =>
    machine.board.current().findings.find((finding) => finding.startsWith('keepalived is in FAULT'));
  await until('told', () => ours() !== undefined, 15_000);
  const [told, up] = [ours(), await keepalivedUp(registry)];
  await sh('ip link set eth0 up');
  await until('nothing to tell', () => findings(machine) === '', 30_000);
  await until('owns again', () => machine.board.current().owned.length === 1);
  await machine.stop();
  return { told, up };
}

/** A bridge for a link, with and without frames that pass nftables on it. */
export async function bridges(): Promise<unknown> {
  // That of these namespaces.
  await sh('mount -t sysfs none /sys');
  await run(['ip', 'link', 'add', 'br0', 'type', 'bridge']);
  await run(['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far']);
  const links = ['br0', 'eth0'];
  await sh('echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables');
  const called = await bridgeProblems(links);
  await sh('echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables');
  return { called, not: await bridgeProblems(links), without: await bridgeProblems(links, { procSys: '/nowhere' }) };
}
