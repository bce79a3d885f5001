import type { NodeCheckKind } from '@fairlead/model';
import { CHECK_HEALTHZ, type NodeCheckChoice } from './choice.ts';

/** What is thought of the checks of one cluster's nodes. */
export interface Judgement {
  readonly choice: NodeCheckChoice;
  /**
   * `asking`: nobody knows yet what its nodes answer. `trusted`: the checks mean something.
   * `held`: they meant something, and now not one node passes.
   */
  readonly phase: 'asking' | 'trusted' | 'held';
  /** Rounds in this phase without the answer that would end it. */
  readonly rounds: number;
}

/** What is known of all clusters' nodes, as far as it is used and remembered. */
export interface Judged {
  readonly choices: ReadonlyMap<string, NodeCheckChoice>;
  /** Clusters whose nodes count as alive whatever their checks say, and why. */
  readonly held: ReadonlyMap<string, Exclude<Judgement['phase'], 'trusted'>>;
}

export const NOTHING_JUDGED: Judged = { choices: new Map(), held: new Map() };

/** What one round saw. */
export interface Round {
  readonly kind: NodeCheckKind;
  /** Some node passes the check in haproxy; undefined: there is none to look at. */
  readonly somePass: boolean | undefined;
  /** What nodes said when they were asked beside haproxy: only in rounds in which `mustAsk`. */
  readonly asked?: {
    /** How the best of them answered at kube-proxy's health port. */
    readonly healthz: 'well' | 'unwell' | 'silent';
    /** A NodePort of the cluster that some node answers. */
    readonly livePort: number | undefined;
  };
}

/** How long a round is, in milliseconds. */
export const ROUND_MS = 250;
/** Rounds that healthz gets before a NodePort is asked instead. */
const HEALTHZ_ROUNDS = 12;
/** The same once healthz has answered before: kube-proxy may be restarting everywhere. */
const LOST_HEALTHZ_ROUNDS = 240;

/**
 * What to think of a cluster at first: what was thought of it before, if that is possible, else kube-proxy's healthz
 * unless the cluster wants something else. What was held before is held on: to trust the checks first and see later that
 * they still fail would cost connections.
 */
export function firstJudgement(kind: NodeCheckKind, cluster: string, remembered: Judged = NOTHING_JUDGED): Judgement {
  const choice = remembered.choices.get(cluster);
  const phase = remembered.held.get(cluster) ?? 'trusted';
  if (kind === 'healthz') {
    return { choice: CHECK_HEALTHZ, phase: choice?.kind === 'healthz' ? phase : 'trusted', rounds: 0 };
  }
  if (choice && !(kind === 'node-port' && choice.kind === 'healthz')) {
    return { choice, phase: choice.kind === 'none' ? 'asking' : phase, rounds: 0 };
  }
  return { choice: kind === 'node-port' ? { kind: 'none' } : CHECK_HEALTHZ, phase: 'asking', rounds: 0 };
}

/** Whether nodes must be asked beside haproxy in the next round. */
export function mustAsk({ phase }: Judgement): boolean {
  return phase !== 'trusted';
}

/**
 * What to think after a round. When not one node passes any more the checks are held, so that the last set goes on: it
 * is more likely that the checks are broken than that all nodes died at once, and if they did nothing is lost.
 */
export function judge(before: Judgement, round: Round): Judgement {
  const { kind, asked } = round;
  if (before.phase === 'trusted') return round.somePass === false ? { ...before, phase: 'held', rounds: 0 } : before;
  if (!asked) return before;
  const rounds = before.rounds + 1;
  const trust = (choice: NodeCheckChoice): Judgement => ({
    choice: same(choice, before.choice) ? before.choice : choice,
    phase: 'trusted',
    rounds: 0,
  });
  if (kind !== 'node-port' && asked.healthz === 'well') return trust(CHECK_HEALTHZ);
  if (kind === 'auto' && asked.healthz === 'unwell' && before.phase === 'asking') return trust(CHECK_HEALTHZ);
  const patience =
    before.choice.kind !== 'healthz' ? 0 : before.phase === 'asking' ? HEALTHZ_ROUNDS : LOST_HEALTHZ_ROUNDS;
  if (kind !== 'healthz' && asked.livePort !== undefined && rounds >= patience) {
    return trust({ kind: 'node-port', port: asked.livePort });
  }
  // While nothing is known yet the nodes count as alive as well.
  return { ...before, rounds };
}

/**
 * What a person should know of a cluster's nodes; undefined: nothing. `nodes`: how many may be backends of load balancers
 * that are served here.
 */
export function nodeFinding(cluster: string, { phase, rounds }: Judgement, nodes: number): string | undefined {
  if (nodes === 0 || phase === 'trusted') return undefined;
  if (phase === 'held') return `no node of cluster ${cluster} passes its check: the last set goes on`;
  if (rounds < HEALTHZ_ROUNDS) return undefined;
  return `no node of cluster ${cluster} has answered a check yet, so all count as alive: open their NodePorts to this machine`;
}

function same(a: NodeCheckChoice, b: NodeCheckChoice): boolean {
  return a.kind === b.kind && (a.kind !== 'node-port' || b.kind !== 'node-port' || a.port === b.port);
}
