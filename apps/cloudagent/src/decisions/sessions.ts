import { refusal, type Refusal } from '@fairlead/model';
import type { Decision, Truth } from '../truth/truth.ts';

/** Starts a reign over a cluster: every older session of it is refused from the moment this is durable. PURE. */
export function openSession(truth: Truth, cluster: string, holder: string): Decision<number> {
  const session = truth.counters.session + 1;
  const sessions = new Map([[cluster, { number: session, holder }]]);
  return { answer: session, changes: { counters: { session }, sessions } };
}

/** Why this session may not speak for the cluster, or undefined when it may. PURE. */
export function judgeSession(truth: Pick<Truth, 'sessions'>, cluster: string, session: number): Refusal | undefined {
  const current = truth.sessions.get(cluster);
  if (current?.number === session) return undefined;
  const now = current === undefined ? 'there is none' : `${current.holder} holds session ${current.number}`;
  const message = `session ${session} of cluster ${cluster} is over (${now}): open a new one if you lead`;
  return refusal('SESSION_SUPERSEDED', 'session', message);
}
