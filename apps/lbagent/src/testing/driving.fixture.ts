import { openCommandSocket, observeMaster, observeWorker } from '@fairlead/haproxy';
import type { MachineState, Node, PlacedLoadBalancer } from '@fairlead/model';
import type { Machine } from '../machine.ts';
import { runOrThrow } from '../processes/run.ts';
import { acceptFull } from '../state/state.ts';
import { nodeSet, stateOf as exampleState } from './example.ts';
import { node, runConfig, until } from './machine.fixture.ts';
import type { Peer } from './network.fixture.ts';

/** How a test drives a machine that runs in namespaces of its own, and looks at it. */

export const VIP = '10.9.0.150';
export const NODES = [1, 2, 3].map((index) => node(index));

let generation = 0;

export function stateOf(loadBalancers: readonly PlacedLoadBalancer[], nodes: readonly Node[] = NODES): MachineState {
  return exampleState(loadBalancers, nodeSet(nodes));
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
  const master = await masterNow(haproxyMasterSocket);
  return { worker, master };
}

/** A master that reloads binds its socket anew, and refuses whoever comes in between. */
async function masterNow(path: string, patienceMs = 2_000): ReturnType<typeof observeMaster> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await observeMaster(path, patienceMs);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
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

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
