import type { MachineState } from '@fairlead/model';
import { type Placed, planMachine, planSet, type SetState } from './plan.ts';
import type { Committed, TruthKeeper } from './truth-keeper.ts';

/** Plans each set once per generation, however many machines ask. */
export class Planner {
  readonly #keeper: Pick<TruthKeeper, 'truth'>;
  readonly #sets = new Map<string, { readonly generation: number; readonly state: SetState }>();
  #placed: Placed = new WeakMap();

  constructor(keeper: Pick<TruthKeeper, 'truth' | 'subscribe'>) {
    this.#keeper = keeper;
    keeper.subscribe((committed) => this.#forget(committed));
  }

  /** What this machine should serve as of the truth now; undefined: it is not declared. */
  stateOf(machine: string): MachineState | undefined {
    const { truth } = this.#keeper;
    const set = truth.site.machines.get(machine)?.spec.loadBalancerSet;
    return set === undefined ? undefined : planMachine(truth, machine, this.#setState(set));
  }

  #setState(set: string): SetState {
    const { generation } = this.#keeper.truth.counters;
    const known = this.#sets.get(set);
    if (known?.generation === generation) return known.state;
    const state = planSet(this.#keeper.truth, set, this.#placed);
    this.#sets.set(set, { generation, state });
    return state;
  }

  #forget({ changes }: Committed): void {
    // Pools, machines and anchors decide which backends are admitted and where an address lives.
    if (changes.resources === undefined && changes.sets === undefined) return;
    this.#placed = new WeakMap();
    this.#sets.clear();
  }
}
