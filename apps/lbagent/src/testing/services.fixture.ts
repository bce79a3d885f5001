import { readFileSync } from 'node:fs';
import { runOrThrow } from '../processes/run.ts';
import type { Answer } from './client.fixture.ts';
import { haproxyNow, NODES, owning, push, stateOf, stopProbe, VIP } from './driving.fixture.ts';
import { placed } from './example.ts';
import { createSite, get, launch, runConfig, tcpPort, until } from './machine.fixture.ts';

/** What a machine does with Services that come, change and go, told as plain data. */

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
