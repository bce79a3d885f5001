import { openCommandSocket } from '@fairlead/haproxy';
import type { Answer } from './client.fixture.ts';
import { haproxyNow, NODES, owning, push, stateOf, stopProbe, VIP } from './driving.fixture.ts';
import { placed } from './example.ts';
import { createSite, get, launch, runConfig, tcpPort, until } from './machine.fixture.ts';
import type { Peer } from './network.fixture.ts';

/** What a machine does with nodes that leave and come back while somebody is connected to them; told as plain data. */

const SERVICES = [placed('a', VIP, [tcpPort(80, 30080), tcpPort(81, 30080)]), placed('b', VIP, [tcpPort(82, 30080)])];
const [FIRST, SECOND, THIRD] = NODES as [(typeof NODES)[0], (typeof NODES)[0], (typeof NODES)[0]];
const CONFIG = runConfig({ drainSeconds: 60 });

async function served() {
  const { client } = await createSite();
  const { machine } = await launch(CONFIG);
  await push(machine, stateOf(SERVICES));
  await owning(machine);
  await client.ask({ until: [VIP, 82] });
  return { client, machine };
}

/** Until one of them is to this node; all of them stay. */
async function holdAt(client: Peer, name: string): Promise<void> {
  await until(`connected to ${name}`, async () => {
    const { said } = (await client.ask({ hold: [VIP, 80] })) as Answer;
    return said === name;
  });
}

async function saying(client: Peer, port: number): Promise<readonly string[]> {
  const said = new Set<string>();
  for (let count = 0; count < 9; count += 1) said.add((await get(client, VIP, port)).said ?? 'nobody');
  return [...said].sort();
}

export async function comeBackInAnotherOrder(): Promise<unknown> {
  const { client, machine } = await served();
  await holdAt(client, 'node-3');
  await client.ask({ probe: [[VIP, 80]], everyMs: 5 });
  await push(machine, stateOf(SERVICES, [SECOND]));
  const away = await saying(client, 80);
  await push(machine, stateOf(SERVICES, [SECOND, THIRD]));
  await until('node-3 serves again', async () => (await saying(client, 80)).includes('node-3'));
  const held = await client.ask({ held: true });
  await push(machine, stateOf(SERVICES, [FIRST, SECOND, THIRD]));
  await until('all serve again', async () => (await saying(client, 80)).length === 3);
  const probe = await stopProbe(client);
  await machine.stop();
  return { away, held, probe };
}

/** As if lbagent had ended after the first step of a node's leaving. */
export async function endsInBetween(): Promise<unknown> {
  const { client, machine } = await served();
  await holdAt(client, 'node-1');
  await client.ask({ probe: [[VIP, 80]], everyMs: 5 });
  await machine.stop();
  await stopCheckOf(FIRST.addresses[0]!);
  const without = await saying(client, 81);
  const { machine: next } = await launch(CONFIG);
  await next.ready(5_000);
  await until('node-1 serves again', async () => (await saying(client, 82)).includes('node-1'));
  const held = await client.ask({ held: true });
  await next.stop();
  await stopCheckOf(FIRST.addresses[0]!);
  const { machine: last } = await launch(CONFIG);
  await last.ready(5_000);
  await push(last, stateOf(SERVICES, [SECOND, THIRD]));
  const left = await saying(client, 82);
  const heldAfter = await client.ask({ held: true });
  const probe = await stopProbe(client);
  await last.stop();
  return { without, held, left, heldAfter, probe };
}

async function stopCheckOf(address: string): Promise<void> {
  const { worker } = await haproxyNow();
  const check = [...worker.backends.get('nodes_healthz')!.servers.values()].find((each) => each.address === address)!;
  const socket = openCommandSocket(CONFIG.haproxySocket, 2_000);
  await socket.run([`disable server nodes_healthz/${check.name}`]);
  socket.close();
}
