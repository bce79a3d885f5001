import type { MachineState } from '@fairlead/model';
import { type Placed, planMachine, planSet, replanSet, type SetState } from '../plan.ts';
import type { Committed, TruthKeeper } from '../truth/truth-keeper.ts';

interface Planned {
  readonly generation: number;
  readonly state: SetState;
  /** Load balancers that have changed since. */
  readonly changed: Set<string>;
}

/** Plans each set once per generation, however many machines ask, and anew only what has changed. */
export class Planner {
  readonly #keeper: Pick<TruthKeeper, 'truth'>;
  readonly #sets = new Map<string, Planned>();
  #placed: Placed = new WeakMap();

  constructor(keeper: Pick<TruthKeeper, 'truth' | 'subscribe'>) {
    this.#keeper = keeper;
    keeper.subscribe((committed) => this.#take(committed));
  }

  /** What this machine should serve as of the truth now; undefined: it is not declared. */
  stateOf(machine: string): MachineState | undefined {
    const { truth } = this.#keeper;
    const set = truth.site.machines.get(machine)?.spec.loadBalancerSet;
    return set === undefined ? undefined : planMachine(truth, machine, this.#setState(set));
  }

  #setState(set: string): SetState {
    const { truth } = this.#keeper;
    const { generation } = truth.counters;
    const known = this.#sets.get(set);
    if (known?.generation === generation) return known.state;
    const placed = this.#placed;
    const state = known
      ? replanSet(known.state, truth, { set, ids: known.changed, placed })
      : planSet(truth, set, placed);
    this.#sets.set(set, { generation, state, changed: new Set() });
    return state;
  }

  #take({ changes }: Committed): void {
    const { resources, sets, nodes, loadBalancers } = changes;
    // Pools, machines and anchors decide which backends are admitted and where an address lives.
    if (resources !== undefined || sets !== undefined) this.#placed = new WeakMap();
    if (resources !== undefined || sets !== undefined || nodes !== undefined) this.#sets.clear();
    for (const { changed } of this.#sets.values()) for (const id of loadBalancers?.keys() ?? []) changed.add(id);
  }
}
