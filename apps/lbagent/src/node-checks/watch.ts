import {
  type CommandSocket,
  nodeCheckBackendName,
  type ObservedServer,
  observeBackends,
  readCurrentWorkerInfo,
} from '@fairlead/haproxy';
import { type Address, type AddressFamily, familyOf, type MachineState, type NodeSet } from '@fairlead/model';
import type { Logger } from '@fairlead/telemetry';
import { lookAgain } from '../pace/look-again.ts';
import { askNodes, type Asking } from './asking.ts';
import { checkGroup, nodeCheckOf } from './choice.ts';
import {
  firstJudgement,
  judge,
  type Judged,
  type Judgement,
  mustAsk,
  nodeFinding,
  type Round,
  ROUND_MS,
} from './judgement.ts';
import { isNews } from './news.ts';
import { nodeCheckKey } from '../wanted/wanted.ts';

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
  let seen: ReadonlyMap<string, boolean> | undefined;

  async function round(): Promise<void> {
    const state = parts.state();
    if (!state || state.nodeSets.size === 0) return parts.onFindings([]);
    const passing = await passingChecks(parts.socket);
    parts.onPassing(passing);
    if (seen && isNews(seen, passing)) parts.onChange();
    seen = passing;
    turn += 1;
    const groups = groupsOf(state);
    for (const name of judgements.keys()) if (!groups.has(name)) judgements.delete(name);
    for (const [name, { nodeSet, family }] of groups) {
      const before = judgements.get(name) ?? firstJudgement(nodeSet.check, name, parts.remembered);
      judgements.set(name, await judgeGroup(before, { nodeSet, family }, { passing, state, turn }));
    }
    tell();
    parts.onFindings(
      [...groups].flatMap(([name, group]) => {
        const { cluster } = group.nodeSet;
        const judgement = judgements.get(name)!;
        if (judgement.phase === 'trusted') return [];
        const isUsed = sharedNodePorts(state, cluster, group.family).length > 0;
        const nodes = isUsed ? backendAddresses(group).length : 0;
        const which = group.family === 'ipv4' ? cluster : `${cluster} over IPv6`;
        return nodeFinding(which, judgement, nodes) ?? [];
      }),
    );
  }

  async function judgeGroup(
    before: Judgement,
    { nodeSet, family }: Group,
    around: { passing: ReadonlyMap<string, boolean>; state: MachineState; turn: number },
  ): Promise<Judgement> {
    const addresses = backendAddresses({ nodeSet, family });
    const checks = addresses.flatMap((address) => nodeCheckOf(address, before.choice) ?? []);
    const known = checks.flatMap((check) => around.passing.get(nodeCheckKey(check)) ?? []);
    const somePass = known.length === 0 ? undefined : known.includes(true);
    const kind = nodeSet.check;
    if (addresses.length === 0 || !mustAsk(before)) return judge(before, { kind, somePass });
    const nodePorts = sharedNodePorts(around.state, nodeSet.cluster, family);
    const asked = await (parts.ask ?? askNodes)({ addresses, nodePorts, turn: around.turn });
    const after = judge(before, { kind, somePass, asked });
    if (after.phase !== before.phase || after.choice !== before.choice) {
      parts.log.info({ cluster: nodeSet.cluster, family, before, after, asked }, 'node checks judged anew');
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

  // haproxy may be on its way: the next round comes in any case.
  const stop = lookAgain(ROUND_MS, round, () => parts.socket.close());
  return () => {
    stop();
    parts.socket.close();
  };
}

function backendAddresses({ nodeSet, family }: Group): readonly Address[] {
  const nodes = nodeSet.nodes.filter(({ eligible, draining }) => eligible && !draining);
  return nodes.flatMap(({ addresses }) => addresses.filter((address) => familyOf(address) === family));
}

/** Whether each node check in use passes, by `nodeCheckKey`. */
async function passingChecks(socket: CommandSocket): Promise<ReadonlyMap<string, boolean>> {
  const kinds = ['healthz', 'tcp'] as const;
  await readCurrentWorkerInfo(socket);
  const backends = await observeBackends(socket, kinds.map(nodeCheckBackendName), 'in use');
  const keyed = kinds.flatMap((kind) => {
    const servers: ObservedServer[] = [...backends.get(nodeCheckBackendName(kind))!.servers.values()];
    return servers.flatMap(({ address, port, maintenance, up }) =>
      maintenance || address === undefined ? [] : [[nodeCheckKey({ kind, address, port }), up] as const],
    );
  });
  return new Map(keyed);
}

interface Group {
  readonly nodeSet: NodeSet;
  readonly family: AddressFamily;
}

/** The nodes of each cluster by the families that they have addresses of; by `checkGroup`. */
function groupsOf(state: MachineState): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const [cluster, nodeSet] of state.nodeSets) {
    const addresses = nodeSet.nodes.flatMap((node) => node.addresses);
    for (const family of ['ipv4', 'ipv6'] as const) {
      const isThere = addresses.some((address) => familyOf(address) === family);
      if (isThere || family === 'ipv4') groups.set(checkGroup(cluster, family), { nodeSet, family });
    }
  }
  return groups;
}

/** NodePorts that all nodes of the cluster serve over this family, in order. */
function sharedNodePorts(state: MachineState, cluster: string, family: AddressFamily): readonly number[] {
  const ports = new Set<number>();
  for (const { loadBalancer } of state.loadBalancers.values()) {
    if (loadBalancer.cluster !== cluster || !loadBalancer.families.includes(family)) continue;
    for (const { target, protocol } of loadBalancer.ports) {
      if (protocol === 'TCP' && target.kind === 'node-port' && target.nodes === 'all') ports.add(target.nodePort);
    }
  }
  return [...ports].sort((a, b) => a - b);
}
