import { openCommandSocket } from '@fairlead/haproxy';
import type { MachineState } from '@fairlead/model';
import { run, runOrThrow } from '../processes/run.ts';
import { haproxyNow, owning, push, stateOf, stopProbe, VIP } from './driving.fixture.ts';
import { placed } from './example.ts';
import { createSite, get, launch, runConfig, tcpPort, until } from './machine.fixture.ts';
import type { Peer } from './network.fixture.ts';

/** Whom a machine lets in, told as plain data. The client is 10.9.0.200. */

const OPEN_TO_CLIENT = ['10.9.0.192/26', 'fd00::/8'];
const OPEN_TO_OTHERS = ['10.9.0.201/32', '10.9.0.0/25'];

function limited(...sourceRanges: string[]): MachineState {
  const ranges = sourceRanges.length === 0 ? {} : { sourceRanges };
  return stateOf([placed('a', VIP, [tcpPort(80, 30080), tcpPort(81, 30080)], ranges)]);
}

/** Empty while there is none. */
const table = async (): Promise<string> => (await run(['nft', 'list', 'table', 'inet', 'fairlead'])).stdout;

/** Packets of IPv4 clients who were shut out, ever. A connection that lost one of its own would only be slow. */
async function dropped(): Promise<number> {
  const chain = await runOrThrow(['nft', 'list', 'chain', 'inet', 'fairlead', 'sources']);
  return Number(/@ok4 counter packets (\d+)/.exec(chain)![1]);
}

async function held(client: Peer): Promise<boolean> {
  return ((await client.ask({ held: true })) as { held: boolean }).held;
}

async function sessions(): Promise<number> {
  const socket = openCommandSocket(runConfig().haproxySocket, 2_000);
  const [reply] = await socket.run(['show sess']);
  socket.close();
  return reply!.split('\n').filter((line) => line.includes('src=10.9.0.200:')).length;
}

/** A Service that is closed to a client, opened to it, and closed again while it is connected. */
export async function closesAndOpens(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, limited(...OPEN_TO_OTHERS));
  await owning(machine);
  const closed = (await get(client, VIP, 80)).error;
  await push(machine, limited(...OPEN_TO_CLIENT));
  const opened = (await get(client, VIP, 80)).said !== undefined;
  await client.ask({ hold: [VIP, 81] });
  const before = { held: await held(client), sessions: await sessions() };

  const startedAt = performance.now();
  await push(machine, limited(...OPEN_TO_OTHERS));
  await until('no session is left', async () => (await sessions()) === 0);
  const cutMs = performance.now() - startedAt;
  const after = { held: await held(client), again: (await get(client, VIP, 81)).error };
  await push(machine, limited());
  const everyone = (await get(client, VIP, 81)).said !== undefined;
  const left = (await table()).includes(`${VIP} . tcp`);
  const { haproxyReloads, driftRepaired } = machine.board.current();
  await machine.stop();
  return { closed, opened, before, after, everyone, left, haproxyReloads, driftRepaired, cutMs };
}

/** Whoever is let in before and after a change is let in during it; whoever is not, never is. */
export async function editsUnderLoad(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  const many = Array.from({ length: 200 }, (_, index) => `172.16.${index}.0/24`);
  const lists = [
    ['10.9.0.0/24'],
    ['10.9.0.192/26', ...many],
    ['10.9.0.200/32'],
    ['10.9.0.0/24', '10.9.0.200/32', '8.0.0.0/5'],
  ];
  const others = [['10.9.0.0/25'], ['10.9.0.201/32', ...many], ['10.9.0.202/31', '10.9.0.0/26']];
  const state = (turn: number): MachineState =>
    stateOf([
      placed('in', VIP, [tcpPort(80, 30080)], { sourceRanges: lists[turn % lists.length]! }),
      placed('out', '10.9.0.151', [tcpPort(80, 30080)], { sourceRanges: others[turn % others.length]! }),
    ]);
  await push(machine, state(0));
  await owning(machine);
  await client.ask({ until: [VIP, 80] });
  await client.ask({ hold: [VIP, 80] });
  const probes = [];
  for (const vip of [VIP, '10.9.0.151']) {
    await client.ask({ probe: [[vip, 80]], everyMs: 5 });
    for (let turn = 0; turn < 60; turn++) await push(machine, state(turn));
    probes.push({ ...(await stopProbe(client)), dropped: await dropped() });
  }
  const stillHeld = await held(client);
  await machine.stop();
  return { probes, stillHeld, failures: machine.board.current().findings };
}

/** A connection that an old worker holds is ended too. */
export async function cutsInOldWorkers(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig({ slots: 16 }));
  const all = (...sourceRanges: string[]) =>
    Array.from({ length: 30 }, (_, index) =>
      placed(`s${index}`, VIP, [tcpPort(1000 + index, 30080)], { sourceRanges }),
    );
  await push(machine, stateOf(all(...OPEN_TO_CLIENT).slice(0, 10)));
  await owning(machine);
  await client.ask({ until: [VIP, 1000] });
  await client.ask({ hold: [VIP, 1000] });
  await push(machine, stateOf(all(...OPEN_TO_CLIENT)));
  const { oldWorkers } = (await haproxyNow()).master;
  const afterReload = await held(client);
  await push(machine, stateOf(all(...OPEN_TO_OTHERS)));
  await until('the old worker is gone', async () => (await haproxyNow()).master.oldWorkers.length === 0, 10_000);
  const afterwards = await held(client);
  await machine.stop();
  return { oldWorkers: oldWorkers.length, afterReload, afterwards };
}

/** What somebody changes by hand is put right; a restart changes nothing; what is gone leaves nothing. */
export async function limitsEndure(): Promise<unknown> {
  const { client } = await createSite();
  const { machine } = await launch(runConfig());
  await push(machine, limited('10.9.0.201/32'));
  await owning(machine);
  const nft = (...statement: string[]) => runOrThrow(['nft', ...statement]);
  const repaired = async (what: string): Promise<void> => {
    await until(
      what,
      async () => {
        const text = await table();
        const [list, limit] = ['ok4', 'lim4'].map(
          (set) => new RegExp(`set ${set} \\{[^}]*elements = \\{([^}]*)`).exec(text)?.[1],
        );
        const same = (part: string | undefined, source: string): boolean =>
          part?.replace(/\s+/g, ' ').trim().split(', ').sort().join() ===
          [80, 81].map((port) => `${VIP} . tcp . ${port}${source}`).join();
        return same(list, ' . 10.9.0.201') && same(limit, '');
      },
      15_000,
    );
  };
  await repaired('made');
  await nft('add element inet fairlead ok4 { 10.9.0.150 . tcp . 80 . 10.9.0.0/24 }');
  await repaired('a range by hand is gone');
  await nft('delete element inet fairlead lim4 { 10.9.0.150 . tcp . 80 }');
  await repaired('in force again');
  await nft('flush set inet fairlead ok4');
  await repaired('the list is there again');
  await nft('flush', 'ruleset');
  await repaired('all is there again');
  const { driftRepaired } = machine.board.current();
  await machine.stop();

  const { machine: next } = await launch(runConfig());
  await owning(next);
  await next.ready(5_000);
  const afterRestart = { closed: (await get(client, VIP, 80)).error, drift: next.board.current().driftRepaired };
  await push(next, stateOf([]));
  const text = await table();
  await next.stop();
  return { driftCounted: driftRepaired > 0, afterRestart, left: text.includes(VIP) };
}
