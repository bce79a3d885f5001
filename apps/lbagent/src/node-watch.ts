import {
  type CommandSocket,
  nodeCheckBackendName,
  type ObservedServer,
  observeBackends,
  readCurrentWorkerInfo,
} from '@fairlead/haproxy';
import type { Address, MachineState, NodeSet } from '@fairlead/model';
import type { Logger } from '@fairlead/telemetry';
import { askNodes, type Asking } from './node-asking.ts';
import { nodeCheckOf } from './node-check-choice.ts';
import {
  firstJudgement,
  judge,
  type Judged,
  type Judgement,
  mustAsk,
  nodeFinding,
  type Round,
  ROUND_MS,
} from './node-judgement.ts';
import { nodeCheckKey } from './wanted.ts';

export interface NodeWatchParts {
  readonly socket: CommandSocket;
  readonly state: () => MachineState | undefined;
  /** From before a restart. */
  readonly remembered: Judged;
  /** Told when it differs from what was told before. */
  readonly onJudged: (judged: Judged) => void;
  /** Told after each round what a person should know of the nodes, one sentence each. */
  readonly onFindings: (findings: readonly string[]) => void;
  /** Told in each round which checks pass, by check. */
  readonly onPassing: (passing: ReadonlyMap<string, boolean>) => void;
  /** Some node was found alive or dead since the last look. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly ask?: (asking: Asking) => Promise<NonNullable<Round['asked']>>;
}

/** Looks again and again at what haproxy thinks of the nodes, and judges whether that can be. Returns the way to stop. */
export function watchNodes(parts: NodeWatchParts): () => void {
  const judgements = new Map<string, Judgement>();
  let turn = 0;
  let told = '';
  let seen = '';
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function round(): Promise<void> {
    const state = parts.state();
    if (!state || state.nodeSets.size === 0) return parts.onFindings([]);
    const passing = await passingChecks(parts.socket);
    parts.onPassing(passing);
    const now = JSON.stringify([...passing]);
    if (seen !== '' && seen !== now) parts.onChange();
    seen = now;
    turn += 1;
    for (const cluster of judgements.keys()) if (!state.nodeSets.has(cluster)) judgements.delete(cluster);
    for (const [cluster, nodeSet] of state.nodeSets) {
      const before = judgements.get(cluster) ?? firstJudgement(nodeSet.check, cluster, parts.remembered);
      judgements.set(cluster, await judgeCluster(before, nodeSet, { passing, state, turn }));
    }
    tell();
    parts.onFindings(
      [...state.nodeSets.values()].flatMap((nodeSet) => {
        const nodes = sharedNodePorts(state, nodeSet.cluster).length === 0 ? 0 : backendAddresses(nodeSet).length;
        return nodeFinding(nodeSet.cluster, judgements.get(nodeSet.cluster)!, nodes) ?? [];
      }),
    );
  }

  async function judgeCluster(
    before: Judgement,
    nodeSet: NodeSet,
    around: { passing: ReadonlyMap<string, boolean>; state: MachineState; turn: number },
  ): Promise<Judgement> {
    const addresses = backendAddresses(nodeSet);
    const checks = addresses.flatMap((address) => nodeCheckOf(address, before.choice) ?? []);
    const known = checks.flatMap((check) => around.passing.get(nodeCheckKey(check)) ?? []);
    const somePass = known.length === 0 ? undefined : known.includes(true);
    const kind = nodeSet.check;
    if (addresses.length === 0 || !mustAsk(before)) return judge(before, { kind, somePass });
    const nodePorts = sharedNodePorts(around.state, nodeSet.cluster);
    const asked = await (parts.ask ?? askNodes)({ addresses, nodePorts, turn: around.turn });
    const after = judge(before, { kind, somePass, asked });
    if (after.phase !== before.phase || after.choice !== before.choice) {
      parts.log.info({ cluster: nodeSet.cluster, before, after, asked }, 'node checks judged anew');
    }
    return after;
  }

  function tell(): void {
    const choices = new Map([...judgements].map(([cluster, { choice }]) => [cluster, choice]));
    const held = new Map(
      [...judgements].flatMap(([cluster, { phase }]) => (phase === 'trusted' ? [] : [[cluster, phase] as const])),
    );
    const text = JSON.stringify([[...choices], [...held]]);
    if (text === told) return;
    told = text;
    parts.onJudged({ choices, held });
  }

  const loop = async (): Promise<void> => {
    // haproxy may be on its way: the next round comes in any case.
    await round().catch(() => parts.socket.close());
    if (!stopped) timer = setTimeout(() => void loop(), ROUND_MS);
  };
  void loop();
  return () => {
    stopped = true;
    clearTimeout(timer);
    parts.socket.close();
  };
}

function backendAddresses({ nodes }: NodeSet): readonly Address[] {
  return nodes.filter(({ eligible, draining }) => eligible && !draining).flatMap(({ addresses }) => addresses);
}

/** Whether each node check in use passes, by `nodeCheckKey`. */
async function passingChecks(socket: CommandSocket): Promise<ReadonlyMap<string, boolean>> {
  const kinds = ['healthz', 'tcp'] as const;
  await readCurrentWorkerInfo(socket);
  const backends = await observeBackends(socket, kinds.map(nodeCheckBackendName));
  const keyed = kinds.flatMap((kind) => {
    const servers: ObservedServer[] = [...backends.get(nodeCheckBackendName(kind))!.servers.values()];
    return servers.flatMap(({ address, port, maintenance, up }) =>
      maintenance || address === undefined ? [] : [[nodeCheckKey({ kind, address, port }), up] as const],
    );
  });
  return new Map(keyed);
}

/** NodePorts that all nodes of the cluster serve, in order. */
function sharedNodePorts(state: MachineState, cluster: string): readonly number[] {
  const ports = new Set<number>();
  for (const { loadBalancer } of state.loadBalancers.values()) {
    if (loadBalancer.cluster !== cluster) continue;
    for (const { target } of loadBalancer.ports) {
      if (target.kind === 'node-port' && target.nodes === 'all') ports.add(target.nodePort);
    }
  }
  return [...ports].sort((a, b) => a - b);
}
