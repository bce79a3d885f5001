import { MutableTruth } from './mutable-truth.ts';
import type { Changes, Truth } from './truth.ts';

/** A decision of several steps: each step sees what the earlier ones would lead to. PURE. */
export class Draft {
  readonly #before: Truth;
  #after: MutableTruth | undefined;
  #unseen: Changes[] = [];
  #changes: Changes | undefined;

  constructor(before: Truth) {
    this.#before = before;
  }

  /** As it would be. The truth is copied only when a later step looks at what an earlier one did. */
  get truth(): Truth {
    if (this.#changes === undefined) return this.#before;
    this.#after ??= MutableTruth.copyOf(this.#before);
    for (const changes of this.#unseen.splice(0)) this.#after.take(changes);
    return this.#after;
  }

  /** All steps as one change; undefined: none. */
  get changes(): Changes | undefined {
    return this.#changes;
  }

  /** The generation that everything in this draft belongs to. */
  get generation(): number {
    return this.#before.counters.generation + 1;
  }

  take(changes: Changes): void {
    this.#unseen.push(changes);
    this.#changes = this.#changes === undefined ? changes : merge(this.#changes, changes);
  }

  /** Machines must hear of what was taken. */
  bump(): void {
    if (this.#changes?.counters?.generation === undefined) this.take({ counters: { generation: this.generation } });
  }

  /** As the decision that was prepared here. */
  decide<Answer>(answer: Answer): { answer: Answer; changes?: Changes } {
    return this.#changes === undefined ? { answer } : { answer, changes: this.#changes };
  }
}

function merge(a: Changes, b: Changes): Changes {
  return {
    ...mergeMaps('resources', a, b),
    ...mergeMaps('loadBalancers', a, b),
    ...mergeMaps('sessions', a, b),
    ...mergeMaps('sets', a, b),
    ...mergeMaps('nodes', a, b),
    counters: { ...a.counters, ...b.counters },
    hold: [...(a.hold ?? []), ...(b.hold ?? [])],
    release: [...(a.release ?? []), ...(b.release ?? [])],
    wakeAt: Math.max(a.wakeAt ?? 0, b.wakeAt ?? 0),
  };
}

type MapKey = 'resources' | 'loadBalancers' | 'sessions' | 'sets' | 'nodes';

function mergeMaps(key: MapKey, a: Changes, b: Changes): Changes {
  if (a[key] === undefined && b[key] === undefined) return {};
  return { [key]: new Map<string, unknown>([...(a[key] ?? []), ...(b[key] ?? [])]) };
}
