import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { openCommandSocket } from '@fairlead/haproxy';
import { setInService } from '../ownership/fitness.ts';
import { keepalivedPaths } from '../parts.ts';
import { runOrThrow } from '../processes/run.ts';
import type { Answer } from './client.fixture.ts';
import { haproxyNow, owning, push, sleep, stateOf, stopProbe, VIP } from './driving.fixture.ts';
import { placed } from './example.ts';
import { createSite, get, launch, runConfig, tcpPort, until } from './machine.fixture.ts';

/** What a machine outlives: restarts, a power cut, a dead haproxy, changes by hand; told as plain data. */

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
