import type { Address, LoadBalancer } from '@fairlead/model';
import { address } from '@fairlead/model';
import type {
  Cloudagent,
  EnsureOutcome,
  Held,
  LoadBalancerStatus,
  NodeRefusal,
  NodesChange,
  StatusEvent,
} from '../cloudagent.ts';
import { SessionSuperseded } from '../cloudagent.ts';

export const VIP: Address = address('10.0.0.150');

/** A cloudagent in memory whose answers and words a test decides. */
export interface ScriptedCloudagent extends Cloudagent {
  held: readonly Held[];
  outcome: (loadBalancer: LoadBalancer) => EnsureOutcome | Promise<EnsureOutcome>;
  nodeRefusals: readonly NodeRefusal[];
  /** What it was asked, in order: `open`, `nodes +a -b`, `ensure ID`, `remove ID`. */
  readonly asked: string[];
  session: number;
  /** What the next watch begins with. */
  initially: readonly Partial<LoadBalancerStatus>[];
  /** Says something on the open watch. */
  say(event: StatusEvent): void;
  sayStatus(status: Partial<LoadBalancerStatus>): void;
  endWatch(): void;
}

export function scriptedCloudagent(): ScriptedCloudagent {
  let watch: { events: StatusEvent[]; wake: () => void; ended: boolean } | undefined;
  const check = (session: number): void => {
    if (session !== fake.session) throw new SessionSuperseded('superseded');
  };
  const fake: ScriptedCloudagent = {
    held: [],
    outcome: () => ({ kind: 'ensured', addresses: [VIP] }),
    nodeRefusals: [],
    asked: [],
    session: 0,
    initially: [],
    say(event) {
      watch?.events.push(event);
      watch?.wake();
    },
    sayStatus(status) {
      fake.say(statusEvent(status));
    },
    endWatch() {
      if (watch === undefined) return;
      watch.ended = true;
      watch.wake();
    },
    async openSession() {
      fake.asked.push('open');
      return { session: ++fake.session, held: fake.held };
    },
    async syncNodes(session, { full, upsert, remove }: NodesChange) {
      const names = [...upsert.map(({ name }) => `+${name}`), ...remove.map((name) => `-${name}`)];
      fake.asked.push(['nodes', ...(full ? ['full'] : []), ...names].join(' '));
      check(session);
      return fake.nodeRefusals;
    },
    async ensure(session, loadBalancer) {
      fake.asked.push(`ensure ${loadBalancer.id}`);
      check(session);
      return fake.outcome(loadBalancer);
    },
    async remove(session, id) {
      fake.asked.push(`remove ${id}`);
      check(session);
    },
    async *watchStatus(session, signal) {
      check(session);
      const events: StatusEvent[] = [...fake.initially.map(statusEvent), { kind: 'initial-state-sent' }];
      const mine = { events, wake: () => {}, ended: false };
      watch = mine;
      const onAbort = (): void => {
        mine.ended = true;
        mine.wake();
      };
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      for (;;) {
        for (let event = mine.events.shift(); event !== undefined; event = mine.events.shift()) yield event;
        if (mine.ended) return;
        await new Promise<void>((resolve) => (mine.wake = resolve));
      }
    },
  };
  return fake;
}

function statusEvent(status: Partial<LoadBalancerStatus>): StatusEvent {
  const whole = {
    id: 'uid-1',
    namespace: 'shop',
    name: 'front',
    addresses: [VIP],
    state: 'serving',
    message: '',
    reachable: true,
    ...status,
  } as const;
  return { kind: 'status', status: whole };
}
