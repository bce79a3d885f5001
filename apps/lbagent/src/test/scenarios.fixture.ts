import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { openCommandSocket, observeMaster, observeWorker } from '@fairlead/haproxy';
import type { MachineState, Node, PlacedLoadBalancer } from '@fairlead/model';
import { setInService } from '../fitness.ts';
import { keepalivedPaths } from '../parts.ts';
import { runOrThrow } from '../processes/run.ts';
import { acceptFull } from '../state.ts';
import type { Machine } from '../machine.ts';
import type { Answer } from './client.fixture.ts';
import type { Peer } from './network.fixture.ts';
import {
  CLUSTER,
  createSite,
  get,
  launch,
  machineConfig,
  node,
  placed,
  runConfig,
  tcpPort,
  until,
} from './machine.fixture.ts';

/** What happens to a machine in namespaces of its own, told as plain data. */

export const VIP = '10.9.0.150';
const NODES = [1, 2, 3].map((index) => node(index));

let generation = 0;

export function stateOf(loadBalancers: readonly PlacedLoadBalancer[], nodes: readonly Node[] = NODES): MachineState {
  const nodeSet = { cluster: CLUSTER, nodes, maxBackends: 16, check: 'auto' as const, podRoutes: false };
  return {
    config: machineConfig(),
    nodeSets: new Map([[CLUSTER, nodeSet]]),
    loadBalancers: new Map(loadBalancers.map((each) => [each.loadBalancer.id, each])),
  };
}

/** Returns when the machine says that it has applied it. */
export async function push(machine: Machine, state: MachineState): Promise<void> {
  generation += 1;
  const version = { epoch: 1, generation };
  const cause = { arrivedAt: performance.now(), traceparent: '' };
  const rejected = machine.holder.offer((held) => acceptFull(held, { version, state, refused: [] }), cause);
  if (rejected !== undefined) throw new Error(rejected);
  await until(`generation ${generation} applied`, () => machine.board.current().applied.generation === generation);
}

export async function owning(machine: Machine): Promise<void> {
  await until('addresses owned', () => machine.board.current().owned.length === 1);
  await until('VIP on the link', async () => (await runOrThrow(['ip', 'addr', 'show', 'eth0'])).includes(VIP));
}

export async function haproxyNow() {
  const { haproxySocket, haproxyMasterSocket, haproxyConfig } = runConfig();
  const socket = openCommandSocket(haproxySocket, 2_000);
  const map = haproxyConfig.replace('haproxy.cfg', 'services.map');
  const worker = await observeWorker(socket, map);
  socket.close();
  const master = await observeMaster(haproxyMasterSocket, 2_000);
  return { worker, master };
}

interface Probe {
  readonly total: number;
  readonly failures: readonly string[];
  readonly said: readonly string[];
  readonly slowestMs: number;
}

export async function stopProbe(client: Peer): Promise<Probe> {
  return (await client.ask({ stop: true })) as Probe;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function newService(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  const first = (await client.ask({ until: [VIP, 80] })) as Answer;
  const before = await haproxyNow();
  const answered: number[] = [];
  for (let count = 1; count <= 20; count++) {
    const services = Array.from({ length: count }, (_, index) =>
      placed(`b${index}`, VIP, [tcpPort(1000 + index, 30080)]),
    );
    const startedAt = performance.now();
    await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)]), ...services]));
    const answer = await get(client, VIP, 999 + count);
    if (answer.said === undefined) throw new Error(`port ${999 + count}: ${answer.error}`);
    answered.push(performance.now() - startedAt);
  }
  const said = new Set<string>();
  for (let count = 0; count < 6; count++) said.add((await get(client, VIP, 1000)).said!);
  const nobody = await get(client, VIP, 81);
  await until('files written', () => readFileSync(runConfig().haproxyConfig, 'utf8').includes('_1019'));
  const after = await haproxyNow();
  const config = readFileSync(runConfig().haproxyConfig, 'utf8');
  const checked = await runOrThrow(['haproxy', '-c', '-f', runConfig().haproxyConfig]);
  await machine.stop();
  return {
    first: first.said,
    said: [...said].sort(),
    nobody: nobody.error,
    reloads: after.master.reloads,
    sameWorker: after.worker.info.pid === before.worker.info.pid,
    backend: /backend backend_10\.9\.0\.150_80\n[^#]*/.exec(config)?.[0],
    checked,
    medianMs: answered.toSorted((a, b) => a - b)[10],
    board: { ...machine.board.current(), refused: [...machine.board.current().refused] },
  };
}

/** A kernel that has no IPv6, as far as a machine can see. */
export async function withoutIpv6(): Promise<unknown> {
  const off = ['all', 'default', 'lo'].map((conf) => `net.ipv6.conf.${conf}.disable_ipv6=1`);
  await runOrThrow(['sysctl', '-qw', ...off]);
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  const families = { families: ['ipv4', 'ipv6'] as const };
  const dual = placed('dual', [VIP, 'fd09::150'], [tcpPort(80, 30080)], families);
  await push(machine, stateOf([dual, placed('six', 'fd09::151', [tcpPort(80, 30080)], { families: ['ipv6'] })]));
  await owning(machine);
  const { said } = (await client.ask({ until: [VIP, 80] })) as Answer;
  const { refused, findings } = machine.board.current();
  await machine.stop();
  return { said, findings, refused: [...refused].map(([id, { reason, message }]) => ({ id, reason, message })) };
}

export async function backendsComeAndGo(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  const one = [placed('a', VIP, [tcpPort(80, 30080), tcpPort(81, 30080)])];
  await push(machine, stateOf(one));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  const before = await haproxyNow();
  await client.ask({ hold: [VIP, 81] });
  await client.ask({ probe: [[VIP, 80]], everyMs: 5 });
  for (let turn = 0; turn < 100; turn++) {
    const nodes = NODES.filter((_, index) => index !== turn % 3);
    await push(machine, stateOf(one, turn % 2 === 0 ? nodes : NODES));
  }
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080), tcpPort(82, 30080)])]));
  const probe = await stopProbe(client);
  const after = await haproxyNow();
  await machine.stop();
  return { probe, sameWorker: after.worker.info.pid === before.worker.info.pid, reloads: after.master.reloads };
}

export async function drains(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig({ drainSeconds: 2 }));
  const one = [placed('a', VIP, [tcpPort(80, 30080)])];
  await push(machine, stateOf(one, [NODES[0]!]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  const held = await client.ask({ hold: [VIP, 80] });
  await push(machine, stateOf(one, [NODES[1]!]));
  const next = (await get(client, VIP, 80)).said;
  const during = await client.ask({ held: true });
  const servers = async (): Promise<number> => {
    const { worker } = await haproxyNow();
    return worker.backends.get(worker.services.get(`${VIP}|80`)!)!.servers.size;
  };
  const whileDraining = await servers();
  await until('the drained server is gone', async () => (await servers()) === 1, 6_000);
  const afterwards = await client.ask({ held: true });
  await machine.stop();
  return { held, next, during, whileDraining, afterwards };
}

export async function removed(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(
    machine,
    stateOf([placed('a', VIP, [tcpPort(80, 30080)]), placed('b', '10.9.0.151', [tcpPort(80, 30080)])]),
  );
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  await client.ask({ hold: [VIP, 80] });
  await push(machine, stateOf([placed('b', '10.9.0.151', [tcpPort(80, 30080)])]));
  await until('held connection ended', async () => !((await client.ask({ held: true })) as { held: boolean }).held);
  const { worker } = await haproxyNow();
  const addresses = await runOrThrow(['ip', 'addr', 'show', 'eth0']);
  const table = await runOrThrow(['nft', 'list', 'table', 'inet', 'fairlead']);
  const other = (await get(client, '10.9.0.151', 80)).said;
  const left = [...worker.backends].filter(([name, { servers }]) => !name.startsWith('nodes_') && servers.size > 0);
  await until('files written', () => !readFileSync(runConfig().haproxyConfig, 'utf8').includes(VIP));
  await machine.stop();
  return {
    services: [...worker.services.keys()],
    backendsWithServers: left.length,
    onLink: addresses.includes(VIP),
    caught: table.includes(`${VIP} . 80`),
    otherAnswers: other !== undefined,
  };
}

export async function restarts(): Promise<unknown> {
  const { client } = await createSite();
  const first = await launch(runConfig());
  await push(first.machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(first.machine);
  await client.ask({ until: [VIP, 80] });
  await until('files written', () => readFileSync(runConfig().haproxyConfig, 'utf8').includes(VIP));
  await client.ask({ hold: [VIP, 80] });
  await client.ask({ probe: [[VIP, 80]], everyMs: 5 });
  await first.machine.stop();
  const before = await haproxyNow();
  const written = statSync(runConfig().haproxyConfig).ino;
  const second = await launch(runConfig());
  await second.machine.ready(5_000);
  const { applied } = second.machine.board.current();
  await sleep(6_000);
  const probe = await stopProbe(client);
  const after = await haproxyNow();
  const held = await client.ask({ held: true });
  const metrics = await second.registry.metrics();
  await second.machine.stop();
  return {
    probe,
    held,
    applied,
    sameMaster: after.master.pid === before.master.pid,
    sameWorker: after.worker.info.pid === before.worker.info.pid,
    sameFile: statSync(runConfig().haproxyConfig).ino === written,
    steps: metrics.split('\n').filter((line) => line.startsWith('fairlead_lbagent_steps_total')),
    drift: second.machine.board.current().driftRepaired,
  };
}

/** Everything of ours is killed and what the kernel knew is lost, as by a power cut; then lbagent alone is started. */
export async function reboots(): Promise<unknown> {
  const { client } = await createSite();
  const first = await launch(runConfig());
  await push(first.machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(first.machine);
  await first.machine.stop();
  const { master } = await haproxyNow();
  const keepalived = Number(readFileSync('/run/lb/run/keepalived.pid', 'utf8'));
  process.kill(-master.pid, 'SIGKILL');
  process.kill(-keepalived, 'SIGKILL');
  await sleep(200);
  await runOrThrow(['nft', 'flush', 'ruleset']);
  await runOrThrow(['ip', 'addr', 'flush', 'dev', 'eth0']);
  await runOrThrow(['ip', 'addr', 'add', '10.9.0.11/24', 'dev', 'eth0']);
  await runOrThrow(['ip', 'rule', 'flush', 'lookup', '46130']);
  await runOrThrow(['sh', '-c', 'rm -rf /run/lb/run/*']);
  const second = await launch(runConfig());
  await owning(second.machine);
  const answer = (await client.ask({ until: [VIP, 80] })) as Answer;
  const { applied } = second.machine.board.current();
  await second.machine.stop();
  return { said: answer.said, applied };
}

export async function haproxyDies(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)]), placed('b', VIP, [tcpPort(81, 30080)])]));
  await until('files written', () => readFileSync(runConfig().haproxyConfig, 'utf8').includes('_81'));
  const track = (): string => readFileSync('/run/lb/run/haproxy-unfit', 'utf8').trim();
  const { master, worker } = await haproxyNow();
  const killedAt = performance.now();
  process.kill(-master.pid, 'SIGKILL');
  await until('unfit', () => track() === '1');
  const unfitMs = performance.now() - killedAt;
  await owning(machine);
  const answer = (await client.ask({ until: [VIP, 81] })) as Answer;
  const backMs = performance.now() - killedAt;
  const after = await haproxyNow();
  const hungAt = performance.now();
  process.kill(after.worker.info.pid, 'SIGSTOP');
  await until('unfit again', () => track() === '1');
  const hungMs = performance.now() - hungAt;
  process.kill(after.worker.info.pid, 'SIGCONT');
  await until('fit again', () => track() === '0');
  await machine.stop();
  return { unfitMs, backMs, hungMs, said: answer.said, newWorker: after.worker.info.pid !== worker.info.pid };
}

export async function slotsRunOut(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig({ slots: 16 }));
  const all = Array.from({ length: 40 }, (_, index) => placed(`s${index}`, VIP, [tcpPort(1000 + index, 30080)]));
  await push(machine, stateOf(all.slice(0, 10)));
  await owning(machine);
  await client.ask({ until: [VIP, 1000] });
  await client.ask({ hold: [VIP, 1000] });
  await client.ask({
    probe: [
      [VIP, 1000],
      [VIP, 1001],
    ],
    everyMs: 5,
  });
  await push(machine, stateOf(all));
  const answers = await Promise.all(all.map((_, index) => get(client, VIP, 1000 + index)));
  const probe = await stopProbe(client);
  const held = await client.ask({ held: true });
  const { haproxyReloads, refused } = machine.board.current();
  const { master } = await haproxyNow();
  await machine.stop();
  return {
    unanswered: answers.filter((each) => each.said === undefined).length,
    probe,
    held,
    haproxyReloads,
    refused: refused.size,
    oldWorkers: master.oldWorkers.length,
  };
}

export async function drifts(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  await sleep(500);
  const startedAt = performance.now();
  const { worker } = await haproxyNow();
  const socket = openCommandSocket(runConfig().haproxySocket, 1_000);
  const backend = worker.services.get(`${VIP}|80`)!;
  await socket.run([`disable server ${backend}/tcp0`, `del map /run/lb/etc/haproxy/services.map ${VIP}|80`]);
  socket.close();
  const config = readFileSync(runConfig().haproxyConfig, 'utf8');
  writeFileSync(runConfig().haproxyConfig, `${config}\n# by hand\n`);
  await runOrThrow(['nft', 'flush', 'ruleset']);
  await runOrThrow(['ip', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0']);
  await until('repaired', async () => (await get(client, VIP, 80)).said !== undefined, 12_000);
  const repairedMs = performance.now() - startedAt;
  await until('counted', () => machine.board.current().driftRepaired > 0);
  await until('the file is ours again', () => !readFileSync(runConfig().haproxyConfig, 'utf8').includes('by hand'));
  await until('all servers serve', async () => {
    const now = await haproxyNow();
    return [...now.worker.backends.get(backend)!.servers.values()].every((server) => !server.maintenance);
  });
  await machine.stop();
  return { repairedMs, drift: machine.board.current().driftRepaired };
}

export async function oneBadOne(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  const bad = placed('bad', VIP, [tcpPort(80, 30080)]);
  const path = placed('path', '10.9.0.152', [
    tcpPort(80, 30080, { check: { kind: 'http', port: 0, path: '/a b\n\tserver evil 1.2.3.4' } }),
  ]);
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)]), bad, path]));
  await owning(machine);
  const answer = (await client.ask({ until: [VIP, 80] })) as Answer;
  const refused = [...machine.board.current().refused].map(([id, { reason }]) => [id, reason]);
  const config = readFileSync(runConfig().haproxyConfig, 'utf8');
  await machine.stop();
  return { said: answer.said !== undefined, refused, evil: config.includes('evil') };
}

export async function nodesDie(): Promise<unknown> {
  const { client, nodes } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  const saying = async (): Promise<string[]> => {
    const answers = [];
    for (let count = 0; count < 9; count++) answers.push((await get(client, VIP, 80)).said ?? 'nobody');
    return [...new Set(answers)].sort();
  };
  await nodes[0]!.ask({ health: 10256, status: 503 });
  await until('node-1 is out', async () => !(await saying()).includes('node-1'));
  const down = async (): Promise<readonly string[]> => machine.board.current().down.map((each) => each.backend);
  await until('told as down', async () => (await down()).includes('node-1'));
  await nodes[1]!.ask({ health: 10256, status: 503 });
  await nodes[2]!.ask({ health: 10256, status: 503 });
  const findings = (): readonly string[] => machine.board.current().findings;
  const told = 'no node of cluster prod passes its check: the last set goes on';
  await until('held', () => findings().join() === told);
  await until('all go on', async () => (await saying()).length === 3);
  const held = await saying();
  await nodes[1]!.ask({ health: 10256, status: 200 });
  await until('only node-2', async () => (await saying()).join() === 'node-2');
  await until('no longer told', () => findings().length === 0);
  const { reloads } = (await haproxyNow()).master;
  await machine.stop();
  return { held, reloads };
}

export async function restartsWhileAllNodesFail(): Promise<unknown> {
  const { client, nodes } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  for (const each of nodes) await each.ask({ health: 10256, status: 503 });
  const isHeld = (of: Machine) =>
    of.board.current().findings.some((finding) => finding.includes('the last set goes on'));
  await until('held', () => isHeld(machine));
  await until('it answers', async () => (await get(client, VIP, 80)).said !== undefined);
  await client.ask({ probe: [[VIP, 80]], everyMs: 10 });
  await machine.stop();
  const { machine: next } = await launch(runConfig());
  await sleep(4_000);
  const probe = await stopProbe(client);
  const held = isHeld(next);
  await nodes[1]!.ask({ health: 10256, status: 200 });
  await until('only node-2', async () => (await get(client, VIP, 80)).said === 'node-2' && !isHeld(next));
  await next.stop();
  return { probe, held };
}

export async function noHealthz(): Promise<unknown> {
  const { client, nodes } = await createSite();
  for (const each of nodes) await each.ask({ close: 10256 });
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  await client.ask({ probe: [[VIP, 80]], everyMs: 10 });
  await until('asked by NodePort', async () => {
    const { worker } = await haproxyNow();
    return [...worker.backends.get('nodes_tcp')!.servers.values()].filter((each) => !each.maintenance).length === 3;
  });
  await sleep(1_000);
  const probe = await stopProbe(client);
  await nodes[0]!.ask({ close: 30080 });
  await until('node-1 is known to be dead', async () => {
    const { worker } = await haproxyNow();
    const servers = [...worker.backends.get('nodes_tcp')!.servers.values()];
    return servers.some((each) => !each.maintenance && !each.up);
  });
  await machine.stop();
  return { probe };
}

export async function oldWorkersDrain(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig({ slots: 16, drainSeconds: 2 }));
  const all = Array.from({ length: 30 }, (_, index) => placed(`s${index}`, VIP, [tcpPort(1000 + index, 30080)]));
  await push(machine, stateOf(all.slice(0, 10), [NODES[0]!]));
  await owning(machine);
  await client.ask({ until: [VIP, 1000] });
  await client.ask({ hold: [VIP, 1000] });
  await push(machine, stateOf(all, [NODES[0]!]));
  const afterReload = await client.ask({ held: true });
  const { oldWorkers } = (await haproxyNow()).master;
  await push(machine, stateOf(all, [NODES[1]!]));
  const whileDraining = await client.ask({ held: true });
  await until('ended', async () => !((await client.ask({ held: true })) as { held: boolean }).held, 12_000);
  await until('old worker gone', async () => (await haproxyNow()).master.oldWorkers.length === 0, 5_000);
  await machine.stop();
  return { oldWorkers: oldWorkers.length, afterReload, whileDraining };
}

export async function outOfService(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30080)])]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  const paths = keepalivedPaths(runConfig());
  await setInService(paths, runConfig().runDir, false);
  await until('let go', () => machine.board.current().owned.length === 0);
  await until('told', () => machine.board.current().findings.length > 0);
  const { findings } = machine.board.current();
  await until('no VIP', async () => !(await runOrThrow(['ip', 'addr', 'show', 'eth0'])).includes(VIP));
  await setInService(paths, runConfig().runDir, true);
  await owning(machine);
  const said = ((await client.ask({ until: [VIP, 80] })) as Answer).said !== undefined;
  await machine.stop();
  return { findings, said };
}
