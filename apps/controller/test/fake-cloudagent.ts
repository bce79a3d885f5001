import type { Address, LoadBalancer, Node, Refusal } from '@fairlead/model';
import { address } from '@fairlead/model';
import type { ServedService } from '@fairlead/rpc';
import { failure, LoadBalancersService, loadBalancerFromProto, nodeFromProto, pb, serve } from '@fairlead/rpc';

/**
 * The LoadBalancers service of one cluster, in memory, answering as the contract says: sessions that supersede each
 * other, addresses counted up, statuses as a test sets them. Each call is written down.
 */
export interface FakeCloudagent {
  readonly service: ServedService;
  readonly calls: Call[];
  readonly loadBalancers: ReadonlyMap<string, LoadBalancer>;
  readonly nodes: ReadonlyMap<string, Node>;
  session: number;
  /** False: every call fails as if nobody were there. */
  available: boolean;
  /** What a load balancer becomes when it is ensured; `serving` at once unless set. */
  onEnsure: (loadBalancer: LoadBalancer) => 'serving' | 'pending' | Refusal;
  /** Ensuring waits for it. */
  beforeEnsure: (loadBalancer: LoadBalancer) => Promise<void>;
  /** Deleting waits for it. */
  beforeDelete: (id: string) => Promise<void>;
  setStatus(id: string, status: Partial<pb.LoadBalancerStatus.$Properties>): void;
  /** Holds something as from an earlier time. */
  hold(loadBalancer: LoadBalancer): void;
  /** Ends every status stream. */
  cutWatches(): void;
  count(method: Call['method']): number;
  /** Forgets everything. */
  reset(): void;
}

export interface Call {
  readonly method: 'openSession' | 'syncNodes' | 'ensure' | 'delete' | 'watchStatus';
  readonly id?: string;
  readonly traceId?: string;
}

export const PENDING = pb.LoadBalancerState.LOAD_BALANCER_STATE_PENDING;
export const SERVING = pb.LoadBalancerState.LOAD_BALANCER_STATE_SERVING;
const REFUSED = pb.LoadBalancerState.LOAD_BALANCER_STATE_REFUSED;

type Event = pb.WatchStatusResponse.$Properties;

export function createFakeCloudagent(): FakeCloudagent {
  const loadBalancers = new Map<string, LoadBalancer>();
  const statuses = new Map<string, pb.LoadBalancerStatus.$Properties>();
  const nodes = new Map<string, Node>();
  const watchers = new Set<{ push: (event: Event) => void; end: () => void }>();
  let next = 1;

  const available = (): void => {
    if (!fake.available) throw failure('UNAVAILABLE', 'UNAVAILABLE', 'nobody is there');
  };
  const check = (session: number): void => {
    available();
    if (session !== fake.session) {
      throw failure('FAILED_PRECONDITION', 'SESSION_SUPERSEDED', `session ${session} has been superseded`);
    }
  };
  const publish = (event: Event): void => watchers.forEach((watcher) => watcher.push(event));
  const nextAddress = (): Address => {
    const count = next++;
    return address(`198.18.${count >> 8}.${count & 255}`);
  };
  const addressOf = (lb: LoadBalancer): string =>
    statuses.get(lb.id)?.addresses?.[0] ?? lb.wantedAddresses[0] ?? nextAddress();

  const fake: FakeCloudagent = {
    calls: [],
    loadBalancers,
    nodes,
    session: 0,
    available: true,
    onEnsure: () => 'serving',
    beforeEnsure: async () => {},
    beforeDelete: async () => {},
    setStatus(id, status) {
      const { namespace, name } = loadBalancers.get(id)!;
      const merged = { ...statuses.get(id), id, namespace, name, ...status };
      statuses.set(id, merged);
      publish({ status: merged });
    },
    hold(loadBalancer) {
      loadBalancers.set(loadBalancer.id, loadBalancer);
    },
    cutWatches: () => watchers.forEach((watcher) => watcher.end()),
    reset() {
      for (const known of [loadBalancers, statuses, nodes]) known.clear();
      fake.calls.length = 0;
      fake.available = true;
      fake.onEnsure = () => 'serving';
      fake.beforeEnsure = async () => {};
      fake.beforeDelete = async () => {};
    },
    count: (method) => fake.calls.filter((call) => call.method === method).length,
    service: serve(LoadBalancersService, {
      async openSession() {
        available();
        fake.calls.push({ method: 'openSession' });
        fake.session++;
        const held = [...loadBalancers.values()].map(({ id, namespace, name }) => ({ id, namespace, name }));
        return { session: fake.session, held };
      },
      async syncNodes({ session, full, upsert, remove }) {
        fake.calls.push({ method: 'syncNodes' });
        check(session);
        if (full) nodes.clear();
        for (const node of upsert) nodes.set(node.name, nodeFromProto(node));
        for (const name of remove) nodes.delete(name);
        return {};
      },
      async ensure({ session, loadBalancer }, { trace }) {
        const lb = loadBalancerFromProto(loadBalancer!);
        fake.calls.push({ method: 'ensure', id: lb.id, traceId: trace.traceId });
        check(session);
        await fake.beforeEnsure(lb);
        const becomes = fake.onEnsure(lb);
        loadBalancers.set(lb.id, lb);
        if (typeof becomes === 'object') {
          fake.setStatus(lb.id, { state: REFUSED, refusal: becomes });
          return { refused: becomes };
        }
        const addresses = [addressOf(lb)];
        const state = becomes === 'serving' ? SERVING : PENDING;
        fake.setStatus(lb.id, { addresses, state, refusal: null });
        return { ensured: { addresses, generation: 1 } };
      },
      async delete({ session, id }) {
        fake.calls.push({ method: 'delete', id });
        check(session);
        await fake.beforeDelete(id);
        loadBalancers.delete(id);
        statuses.delete(id);
        publish({ removed: id });
        return {};
      },
      async *watchStatus({ session }, { signal }) {
        fake.calls.push({ method: 'watchStatus' });
        check(session);
        yield* statuses.values().map((status) => ({ status }));
        yield { initialStateSent: {} };
        yield* watch(watchers, signal);
      },
    }),
  };
  return fake;
}

async function* watch(
  watchers: Set<{ push: (event: Event) => void; end: () => void }>,
  signal: AbortSignal,
): AsyncGenerator<Event> {
  const waiting: Event[] = [];
  let ended = false;
  let wake = (): void => {};
  const watcher = {
    push(event: Event) {
      waiting.push(event);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
  };
  watchers.add(watcher);
  signal.addEventListener('abort', () => watcher.end());
  try {
    for (;;) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      if (ended) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    watchers.delete(watcher);
  }
}
