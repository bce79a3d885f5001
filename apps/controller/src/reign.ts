import type { LoadBalancer, Node } from '@fairlead/model';
import type { EnsureOutcome, LoadBalancerStatus, OpenedSession } from './cloudagent.ts';
import type { Served } from './status.ts';

/** What is known in one session of what the cloudagent holds and has been told. Forgotten with the session. */
export interface Reign {
  readonly number: number;
  /** True once everything that the cloudagent holds has been told to us. */
  ready: boolean;
  /** The nodes as the cloudagent knows them. */
  nodes: ReadonlyMap<string, Node>;
  /** Ends the session from inside, with the reason. */
  readonly end: AbortController;
  /** Ids that are or may be held for Services of this name, live or gone. */
  heldFor(key: string): readonly string[];
  heldKeys(): readonly string[];
  /** Ids whose status has been told. */
  knownIds(): readonly string[];
  /** Counts as held from now on; called before the cloudagent is told, because its answer may be lost. */
  hold(id: string, key: string): void;
  /** Returns the key of the Service it was held for. */
  release(id: string): string | undefined;
  /** Takes a word of the status stream; true when machines have just stopped saying that they serve it. */
  learn(status: LoadBalancerStatus, key: string, now: number): boolean;
  told(id: string): Told | undefined;
  tell(id: string, told: Told): void;
  served(id: string, now: number): Served | undefined;
}

/** The last wish for one load balancer and the answer to it. */
export interface Told {
  readonly loadBalancer: LoadBalancer;
  /** The same as text, to be compared. */
  readonly text: string;
  readonly outcome: EnsureOutcome;
  /** When the cloudagent was first told of it in this session. */
  readonly since: number;
  /** How often in a row it was refused. */
  readonly refusals: number;
  /** When a refused wish may be asked again. */
  readonly askAgainAt: number;
}

/** Machines that restart or reconnect are not worth a word to the Service: only this long without any is. */
export const LOST_AFTER_MS = 10_000;

interface Known {
  readonly status: LoadBalancerStatus;
  /** Since when no machine says that it serves it; undefined: one does. */
  readonly lostSince: number | undefined;
}

/** The start of a reign, with what the cloudagent says it holds; what is not a Service is left alone. */
export function beginReign(opened: OpenedSession, nodes: readonly Node[]): Reign {
  const keys = new Map<string, string>();
  const ids = new Map<string, Set<string>>();
  const statuses = new Map<string, Known>();
  const wishes = new Map<string, Told>();

  function hold(id: string, key: string): void {
    if (keys.get(id) === key) return;
    keys.set(id, key);
    const held = ids.get(key) ?? new Set();
    ids.set(key, held.add(id));
  }

  for (const held of opened.held) {
    if (held.namespace !== '') hold(held.id, `${held.namespace}/${held.name}`);
  }
  return {
    number: opened.session,
    ready: false,
    nodes: new Map(nodes.map((node) => [node.name, node])),
    end: new AbortController(),
    heldFor: (key) => [...(ids.get(key) ?? [])],
    heldKeys: () => [...ids.keys()],
    knownIds: () => [...statuses.keys()],
    hold,
    release(id) {
      const key = keys.get(id);
      keys.delete(id);
      statuses.delete(id);
      wishes.delete(id);
      if (key === undefined) return undefined;
      const held = ids.get(key);
      held?.delete(id);
      if (held?.size === 0) ids.delete(key);
      return key;
    },
    learn(status, key, now) {
      const before = statuses.get(status.id);
      const lost = status.state === 'serving' && !status.reachable;
      statuses.set(status.id, { status, lostSince: lost ? (before?.lostSince ?? now) : undefined });
      hold(status.id, key);
      // It was refused and now is not, perhaps because an address was freed: the wish is worth asking again.
      const refused = wishes.get(status.id)?.outcome.kind === 'refused';
      if (refused && status.state !== 'refused') wishes.delete(status.id);
      return lost && before?.lostSince === undefined;
    },
    told: (id) => wishes.get(id),
    tell: (id, told) => void wishes.set(id, told),
    served: (id, now) => serve(statuses.get(id), wishes.get(id)?.outcome, now),
  };
}

/** A refusal of the last wish counts more than what goes on from an earlier one. */
function serve(known: Known | undefined, outcome: EnsureOutcome | undefined, now: number): Served | undefined {
  const addresses = known?.status.addresses ?? [];
  if (outcome?.kind === 'refused') {
    return { addresses, state: 'refused', refusal: outcome.refusal, message: '', lost: false };
  }
  if (known === undefined) {
    return outcome && { addresses: outcome.addresses, state: 'pending', message: '', lost: false };
  }
  const { state, refusal, lacking, reason, message, leftOut } = known.status;
  const lost = known.lostSince !== undefined && now - known.lostSince >= LOST_AFTER_MS;
  const why = { ...(refusal && { refusal }), ...(lacking && { lacking }), ...(reason !== undefined && { reason }) };
  return { addresses, state, message, lost, ...why, ...(leftOut && { leftOut }) };
}
