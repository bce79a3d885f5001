import type { View } from './advance.ts';
import { apply, type Applied, type DataPlane } from './apply.ts';
import type { HaproxySide } from './haproxy-side.ts';
import { ownedInstances } from './keepalived/state.ts';
import type { KernelSide } from './kernel-side.ts';
import { observe } from './observe.ts';
import type { Ownership } from './ownership.ts';
import { type Plan, plan, type PlanOptions } from './plan.ts';
import type { Held } from './state.ts';
import type { Wanted } from './wanted.ts';

export interface PassParts {
  readonly plane: DataPlane;
  readonly haproxy: HaproxySide;
  readonly kernel: KernelSide;
  readonly ownership: Ownership;
  readonly options: Omit<PlanOptions, 'owned'>;
}

export interface PassInput {
  readonly held: Held;
  readonly wanted: Wanted;
  /** What was reached last; undefined when that is not known. */
  readonly view: View | undefined;
  /** Look at everything instead of relying on `view`. */
  readonly look: boolean;
  /** Fill up the stock of empty backends when it is low, by a reload. */
  readonly foldWhenLow: boolean;
}

/** The state actually reached. */
export interface Reached {
  readonly view: View;
  readonly plan: Plan;
  readonly applied: Applied;
  /** VRRP instances whose anchor is on a link of this machine. */
  readonly owned: readonly string[];
  /** Things of the kernel's base that had to be put right. */
  readonly repairs: readonly string[];
  readonly reloaded: boolean;
  readonly findings: readonly string[];
}

/**
 * Once from what is wanted to what is there: look, plan, apply; a reload only when something has no place without it.
 * Throws when a part does not answer; what is there must then be looked at anew.
 */
export async function pass(input: PassInput, parts: PassParts): Promise<Reached> {
  const { held, wanted } = input;
  if (!input.view) await parts.haproxy.ensureRunning(wanted);
  const looked = input.look || !input.view;
  const repairs = looked ? await parts.kernel.ensure(held.state.config) : [];
  const view = looked || !input.view ? await observe(parts.plane) : input.view;
  // The files for whoever becomes owner are needed when the report says so, not before the change itself.
  const takeover = parts.ownership.prepareTakeover(held.state, wanted, view.links);
  const owned = ownedInstances(held.state.config, view.links);
  const options = { ...parts.options, owned: new Set(owned) };
  const planned = plan(wanted, view, options);
  const applied = await apply(planned.steps, parts.plane, view);
  const first = { view, plan: planned, applied, reloaded: false, trouble: [] };
  const wantsFold = planned.fold === 'now' || (planned.fold === 'soon' && input.foldWhenLow);
  const last = wantsFold ? await foldAndFinish(first, { wanted, options }, parts) : first;
  if (planned.steps.length > 0) parts.haproxy.rewrite();
  await takeover;
  const findings = [...last.trouble, ...(await parts.ownership.ensure(held.state, looked))];
  return { ...last, owned, repairs, findings };
}

type Part = Pick<Reached, 'view' | 'plan' | 'applied' | 'reloaded'> & { readonly trouble: readonly string[] };

/** A reload that fails leaves all as it was: what has a place goes on, what has none is told of. */
async function foldAndFinish(
  first: Part,
  { wanted, options }: { wanted: Wanted; options: PlanOptions },
  parts: PassParts,
): Promise<Part> {
  const trouble = await parts.haproxy.fold(wanted, first.view.worker);
  if (trouble !== undefined) {
    const failed = new Map(first.applied.failed);
    for (const key of first.plan.assignment.unplaced) failed.set(key, trouble);
    return { ...first, applied: { ...first.applied, failed }, trouble: [trouble] };
  }
  // The lasting connection is to the worker that is leaving.
  parts.plane.runtime.close();
  const view = await observe(parts.plane);
  const planned = plan(wanted, view, options);
  const rest = await apply(planned.steps, parts.plane, view);
  const failed = new Map([...first.applied.failed, ...rest.failed]);
  const steps = [...first.plan.steps, ...planned.steps];
  const applied = { done: first.applied.done + rest.done, pending: rest.pending, failed };
  return { view, plan: { ...planned, steps }, applied, reloaded: true, trouble: [] };
}
