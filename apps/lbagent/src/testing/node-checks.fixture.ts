import type { Machine } from '../machine.ts';
import { haproxyNow, owning, push, sleep, stateOf, stopProbe, VIP } from './driving.fixture.ts';
import { placed } from './example.ts';
import { createSite, get, launch, runConfig, tcpPort, until } from './machine.fixture.ts';

/** How a machine knows which nodes are alive, and what it does when none seems to be; told as plain data. */

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
