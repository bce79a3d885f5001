import { admitPorts } from '../backends.ts';
import { setOf } from '../truth/declared.ts';
import { addressesOf } from '../decisions/grant.ts';
import { publish } from '../decisions/publish.ts';
import { isEqual } from '../equal.ts';
import { vrrpInstanceOf } from '../plan.ts';
import type { Fleet } from '../push.ts';
import { isReachable, type LoadBalancerStatus, statusOf, type StatusContext } from '../status.ts';
import type { Committed, TruthKeeper } from '../truth/truth-keeper.ts';
import type { HeldLoadBalancer } from '../truth/truth.ts';

/** A status that is different now; absent: the load balancer is gone. */
export interface StatusChange {
  readonly id: string;
  readonly cluster: string;
  readonly status?: LoadBalancerStatus;
}

export interface StatusBoardSettings {
  readonly keeper: Pick<TruthKeeper, 'truth' | 'change' | 'subscribe'>;
  readonly fleet: Pick<Fleet, 'viewsOf' | 'subscribe'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Told when it cannot be made durable that something is served. */
  readonly onError: (error: unknown) => void;
}

/** What could not be made durable is tried again after so long. */
const PUBLISH_AGAIN_MS = 2_000;

/**
 * The newest status of every load balancer. Looks again when the truth, a machine, or the time of a promise changes;
 * many changes at once are one look.
 */
export class StatusBoard {
  readonly #settings: StatusBoardSettings;
  readonly #statuses = new Map<string, LoadBalancerStatus>();
  readonly #listeners = new Set<(change: StatusChange) => void>();
  readonly #dirty = new Set<string>();
  /** Those whose status may change with what a machine has applied. */
  readonly #waiting = new Set<string>();
  readonly #unsubscribe: (() => void)[];
  readonly #firstGeneration: number;
  #look: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #retry: NodeJS.Timeout | undefined;

  constructor(settings: StatusBoardSettings) {
    this.#settings = settings;
    const { keeper, fleet } = settings;
    this.#firstGeneration = keeper.truth.counters.generation;
    this.#unsubscribe = [
      keeper.subscribe((committed) => this.#take(committed)),
      fleet.subscribe((set, notable) => this.#mark(this.#idsOf(set, notable))),
    ];
    for (const id of keeper.truth.loadBalancers.keys()) {
      this.#dirty.add(id);
      this.#noteWaiting(id);
    }
    this.#lookNow();
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    clearImmediate(this.#look);
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
  }

  /** As of now, with what each machine says; undefined: there is no such load balancer. */
  statusOf(id: string): LoadBalancerStatus | undefined {
    const held = this.#settings.keeper.truth.loadBalancers.get(id);
    return held && statusOf(held, this.#contextOf(held)).status;
  }

  /** Every status as last told. */
  all(): Iterable<LoadBalancerStatus> {
    return this.#statuses.values();
  }

  /** Calls `listener` for each change of what is told: of the machines, only whether any has it. */
  subscribe(listener: (change: StatusChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #take({ changes }: Committed): void {
    const { loadBalancers, resources, sets, nodes } = changes;
    for (const id of loadBalancers?.keys() ?? []) this.#noteWaiting(id);
    if (resources !== undefined || sets !== undefined) this.#mark(this.#settings.keeper.truth.loadBalancers.keys());
    else this.#mark(loadBalancers?.keys() ?? []);
    for (const [id, held] of loadBalancers ?? []) if (held === undefined) this.#mark([id]);
    if (nodes !== undefined) this.#mark(this.#idsOfPods(nodes));
  }

  #idsOf(set: string, notable: boolean): string[] {
    const { loadBalancers, site } = this.#settings.keeper.truth;
    const ids = notable ? loadBalancers.keys() : this.#waiting;
    return [...ids].filter((id) => {
      const held = loadBalancers.get(id);
      return held !== undefined && setOf(held.wish, site) === set;
    });
  }

  #noteWaiting(id: string): void {
    const held = this.#settings.keeper.truth.loadBalancers.get(id);
    const isPending = held !== undefined && !held.published && held.refusal === undefined;
    if (isPending || (held !== undefined && !this.#isToldReachable(id))) this.#waiting.add(id);
    else this.#waiting.delete(id);
  }

  /** Which pods may be backends follows from their nodes. */
  #idsOfPods(clusters: ReadonlyMap<string, unknown>): string[] {
    const all = [...this.#settings.keeper.truth.loadBalancers.values()];
    return all
      .filter(({ wish }) => wish.backendMode === 'pod' && clusters.has(wish.cluster))
      .map(({ wish }) => wish.id);
  }

  #isToldReachable(id: string): boolean {
    const told = this.#statuses.get(id);
    return told === undefined || isReachable(told);
  }

  #mark(ids: Iterable<string>): void {
    for (const id of ids) this.#dirty.add(id);
    if (this.#dirty.size > 0) this.#look ??= setImmediate(() => this.#lookNow());
  }

  #lookNow(): void {
    clearImmediate(this.#look);
    this.#look = undefined;
    const serving = new Map<string, number>();
    for (const id of this.#dirty) this.#judge(id, serving);
    this.#dirty.clear();
    if (serving.size === 0) return;
    // Told only when it is durable: it must hold for the next life too.
    this.#settings.keeper
      .change((truth) => publish(truth, serving))
      .catch((error: unknown) => {
        this.#settings.onError(error);
        this.#retry = setTimeout(() => this.#mark(serving.keys()), PUBLISH_AGAIN_MS).unref();
      });
  }

  #judge(id: string, serving: Map<string, number>): void {
    const held = this.#settings.keeper.truth.loadBalancers.get(id);
    if (held === undefined) {
      this.#tell(id, undefined);
      return;
    }
    const { status, recheckAt } = statusOf(held, this.#contextOf(held));
    if (recheckAt !== undefined) this.#lookAt(recheckAt);
    if (status.state === 'SERVING' && !held.published) serving.set(id, held.generation);
    else this.#tell(id, status);
  }

  #lookAt(time: number): void {
    if (time >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = time;
    const wait = Math.max(0, time - this.#settings.now()) + 1;
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      const pending = [...this.#statuses.values()].filter(({ state }) => state === 'PENDING');
      this.#mark(pending.map(({ id }) => id));
    }, wait);
  }

  #contextOf(held: HeldLoadBalancer): StatusContext {
    const { truth } = this.#settings.keeper;
    const set = setOf(held.wish, truth.site) ?? '';
    return {
      addresses: addressesOf(held.wish, truth),
      set,
      vrrpInstance: vrrpInstanceOf(set),
      machines: set === '' ? [] : this.#settings.fleet.viewsOf(set),
      refusedBackends: held.served === undefined ? [] : admitPorts(held.served, truth).refused,
      firstGeneration: this.#firstGeneration,
      now: this.#settings.now(),
    };
  }

  #tell(id: string, status: LoadBalancerStatus | undefined): void {
    const before = this.#statuses.get(id);
    if (status === undefined) {
      if (before === undefined) return;
      this.#statuses.delete(id);
      for (const listener of this.#listeners) listener({ id, cluster: before.cluster });
      return;
    }
    this.#statuses.set(id, status);
    this.#noteWaiting(id);
    if (before !== undefined && isSame(before, status)) return;
    for (const listener of this.#listeners) listener({ id, cluster: status.cluster, status });
  }
}

function isSame(before: LoadBalancerStatus, after: LoadBalancerStatus): boolean {
  return isReachable(before) === isReachable(after) && isEqual({ ...before, machines: [] }, { ...after, machines: [] });
}
