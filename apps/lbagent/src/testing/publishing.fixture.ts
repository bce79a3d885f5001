import type { Answer } from './client.fixture.ts';
import { NODES, owning, push, stateOf, VIP } from './driving.fixture.ts';
import { placed } from './example.ts';
import { createSite, get, launch, node, runConfig, tcpPort, until } from './machine.fixture.ts';

/** When a machine says that a new address serves, and when connections end that a change of policy leaves behind. */

const HEALTH_PORT = 32_000;
const LOCAL_TO_NODE_1 = {
  target: { kind: 'node-port', nodePort: 30_080, nodes: ['node-1'] },
  check: { kind: 'http', port: HEALTH_PORT, path: '/healthz' },
} as const;
const EXPECTS = { expectsAnswer: true } as const;

export async function localIsNotPublishedBeforeItsCheckPasses(): Promise<unknown> {
  const { client, nodes } = await createSite();
  const { machine } = await launch(runConfig());
  const unanswered = () => machine.board.current().unanswered.join();
  const plain = placed('plain', VIP, [tcpPort(81, 30_080)], EXPECTS);
  await push(machine, stateOf([]));
  await push(machine, stateOf([plain]));
  await owning(machine);
  await until('the Service without a check of its own is published', () => unanswered() === '');
  await nodes[0]!.ask({ health: HEALTH_PORT, status: 503 });
  const local = placed('local', VIP, [tcpPort(80, 30_080, LOCAL_TO_NODE_1)], EXPECTS);
  await push(machine, stateOf([plain, local]));
  const early: string[] = [];
  for (let turn = 0; turn < 20; turn++) {
    early.push(unanswered());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const before = await get(client, VIP, 80);
  await nodes[0]!.ask({ health: HEALTH_PORT, status: 200 });
  await until('published', () => unanswered() === '', 5_000);
  const first: Answer[] = [];
  for (let count = 0; count < 5; count++) first.push(await get(client, VIP, 80));
  await machine.stop();
  return {
    early: [...new Set(early)],
    before: before.said,
    first: first.map(({ said, error }) => said ?? error),
  };
}

export async function drainTimeEndsWhileAMoveWaits(): Promise<unknown> {
  const { client, nodes } = await createSite();
  const { machine } = await launch(runConfig({ drainSeconds: 2 }));
  const cluster = placed('a', VIP, [tcpPort(80, 30_080)]);
  await push(machine, stateOf([cluster], [NODES[1]!]));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  const held = await client.ask({ hold: [VIP, 80] });
  await push(machine, stateOf([cluster], [NODES[0]!, node(2)]));
  await until('node-1 serves', async () => (await get(client, VIP, 80)).said === 'node-1');
  // Its check does not pass, so it is still served where it was.
  await nodes[0]!.ask({ health: HEALTH_PORT, status: 503 });
  await push(machine, stateOf([placed('a', VIP, [tcpPort(80, 30_080, LOCAL_TO_NODE_1)])]));
  const startedAt = performance.now();
  await client.ask({ probe: [[VIP, 80]], everyMs: 20 });
  await until('ended', async () => !((await client.ask({ held: true })) as { held: boolean }).held, 9_000);
  const seconds = (performance.now() - startedAt) / 1000;
  const probe = await client.ask({ stop: true });
  await machine.stop();
  return { held, seconds, probe };
}
