import { observeBackends } from '@fairlead/haproxy';
import type { Address, MachineConfig } from '@fairlead/model';
import { refresh, type View } from './planning/advance.ts';
import { apply, type Applied, type DataPlane } from './apply.ts';
import { drainRules } from './draining/drain-rules.ts';
import type { HaproxySide } from './haproxy/side.ts';
import type { KernelSide } from './kernel-side.ts';
import { ownAddressProblems } from './links/own-address.ts';
import type { PodWays } from './links/pod-ways.ts';
import { narrow, type Narrowed } from './planning/narrow.ts';
import { observe } from './observe.ts';
import type { Ownership } from './ownership/ownership.ts';
import { type Plan, plan, type PlanOptions } from './plan.ts';
import type { Held } from './state/state.ts';
import type { Known } from './planning/unfinished.ts';
import type { Wanted } from './wanted/wanted.ts';

export interface PassParts {
  readonly plane: DataPlane;
  readonly haproxy: HaproxySide;
  readonly kernel: KernelSide;
  readonly podWays: PodWays;
  readonly ownership: Ownership;
  readonly options: {
    /** How long a removed backend keeps the connections it has, when its service does not say. */
    readonly drainSeconds: number;
    /** Below so many free slots of a profile, by its name, the stock is filled up in a quiet moment. */
    readonly lowSlots: (profile: string) => number;
  };
}

/** What to look at instead of relying on the view: everything, or the backends where something is unfinished. */
export type Look = 'all' | 'unfinished';

export interface PassInput {
  readonly held: Held;
  readonly wanted: Wanted;
  /** What was reached last; undefined when that is not known. */
  readonly view: View | undefined;
  /** What may be built upon; undefined: all of it must be planned. */
  readonly known: Known | undefined;
  readonly look: Look | undefined;
  /** Fill up the stock of empty backends when it is low, by a reload. */
  readonly foldWhenLow: boolean;
}

/** The state actually reached. */
export interface Reached {
  readonly view: View;
  readonly plan: Plan;
  readonly applied: Applied;
  /** Things of the kernel's base that had to be put right. */
  readonly repairs: readonly string[];
  readonly reloaded: boolean;
  /** The view is fresh, and all of it was planned. */
  readonly looked: boolean;
  /** Names of the backends that were planned. */
  readonly planned: 'all' | ReadonlySet<string>;
  /** The stock of empty backends is low, and somebody should fill it up in a quiet moment. */
  readonly low: boolean;
  readonly findings: readonly string[];
}

/**
 * Once from what is wanted to what is there: look, plan, apply; a reload only when something has no place without it.
 * Throws when a part does not answer; what is there must then be looked at anew.
 */
export async function pass(input: PassInput, parts: PassParts): Promise<Reached> {
  const { held, wanted } = input;
  if (!input.view) await parts.haproxy.ensureRunning(wanted);
  const looked = input.look === 'all' || !input.view || (input.look === 'unfinished' && !isManageable(input.known));
  const { view, repairs } =
    looked || !input.view ? await lookAt(held.state.config, wanted, parts) : { view: input.view, repairs: [] };
  const drain = drainRules(wanted.services, parts.options.drainSeconds);
  const options = { drain, owned: new Set(view.owned) };
  const part = !looked && input.known ? await partOf(view, { ...input, known: input.known }, parts) : undefined;
  const planned = plan(part?.wanted ?? wanted, part?.observed ?? view, options);
  const used = (): Iterable<Address> => serverAddresses(view);
  await parts.podWays.ensure(held.state, used);
  const applying = apply(planned.steps, parts.plane, view);
  // The files for whoever becomes owner are needed when the report says so, not before the change itself.
  const takeover = parts.ownership.prepareTakeover(held.state.config, wanted.vips, view.links);
  const [applied] = await Promise.all([applying, takeover]).catch((error: unknown) => {
    // What was done of it is to stand in haproxy.cfg, and the next pass may find nothing left to do.
    if (planned.steps.length > 0) parts.haproxy.rewrite();
    throw error;
  });
  const seen = part ? new Set(part.observed.worker.backends.keys()) : 'all';
  const first = { view, plan: planned, planned: seen, applied, looked, reloaded: false, trouble: [] } as const;
  const low = [...view.freeSlots].some(([profile, free]) => free.size < parts.options.lowSlots(profile));
  const wantsFold = planned.assignment.unplaced.length > 0 || (low && input.foldWhenLow);
  const last = wantsFold ? await foldAndFinish(first, { wanted, options }, parts) : first;
  if (planned.steps.length > 0) parts.haproxy.rewrite();
  await finishForwarding(last, wanted, parts);
  const { config } = held.state;
  const ways = parts.podWays.ensure(held.state, () => serverAddresses(last.view));
  const settled = [
    parts.ownership.ensure(config, looked),
    parts.kernel.problems(config),
    parts.plane.forwarding.problems(),
    ways,
  ];
  const own = ownAddressProblems(wanted.vips.values(), last.view.addresses.values());
  const findings = [...last.trouble, ...(await Promise.all(settled)).flat(), ...own];
  return { ...last, repairs, findings, low: low && !last.reloaded };
}

function forwardsSome({ services }: Wanted): boolean {
  for (const { protocol } of services.values()) if (protocol === 'UDP') return true;
  return false;
}

/** A machine that forwards nothing is no router and remembers no flows. */
async function finishForwarding(
  { view, plan: { forwards, steps }, planned }: Pick<Reached, 'view' | 'plan' | 'planned'>,
  wanted: Wanted,
  { plane: { forwarding } }: PassParts,
): Promise<void> {
  if (planned === 'all') await forwarding.forgetStrays([...forwards.values()]);
  const isLess = planned === 'all' || steps.some(({ kind }) => kind === 'stop-forwarding');
  if (isLess && view.forwards.size === 0 && !forwardsSome(wanted)) await forwarding.retire();
}

/** Of all servers that haproxy has, those that are on their way out included. */
function* serverAddresses({ worker }: View): Generator<Address, void> {
  for (const { servers } of worker.backends.values()) {
    for (const { address } of servers.values()) if (address !== undefined) yield address;
  }
}

/** With more unfinished backends than this it is cheaper to look at everything when it is their turn. */
const MANY = 200;

function isManageable(known: Known | undefined): boolean {
  return (known?.pending.size ?? 0) + (known?.postponed.size ?? 0) <= MANY;
}

/** What must be planned. Servers that wait to leave are tried again when it is time to, not at every change. */
async function partOf(
  view: View,
  { look, known, wanted }: { look: Look | undefined; known: Known; wanted: Wanted },
  { plane }: PassParts,
): Promise<Narrowed> {
  const { wanted: before, pending, postponed } = known;
  if (look === undefined) return narrow({ before, wanted, unfinished: postponed }, view);
  const unfinished = new Set([...pending, ...postponed]);
  refresh(view, await observeBackends(plane.runtime, [...unfinished]));
  return narrow({ before, wanted, unfinished }, view);
}

async function lookAt(
  config: MachineConfig,
  wanted: Wanted,
  parts: PassParts,
): Promise<{ view: View; repairs: readonly string[] }> {
  const seen = await observe(config, parts.plane);
  const repairs = [
    ...(await parts.kernel.ensure(config, seen.base)),
    ...(seen.forwarding === 'altered' && forwardsSome(wanted) ? await parts.plane.forwarding.repair() : []),
    ...(await parts.haproxy.verify()),
  ];
  // A table that was made anew has lost what was in it.
  const isWhole = seen.base === 'intact' && seen.forwarding !== 'altered';
  const { view } = isWhole ? seen : await observe(config, parts.plane);
  return { view, repairs };
}

type Part = Pick<Reached, 'view' | 'plan' | 'planned' | 'applied' | 'looked' | 'reloaded'> & {
  readonly trouble: readonly string[];
};

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
  const { view } = await observe(first.view.config, parts.plane);
  const planned = plan(wanted, view, options);
  const rest = await apply(planned.steps, parts.plane, view);
  const failed = new Map([...first.applied.failed, ...rest.failed]);
  const steps = [...first.plan.steps, ...planned.steps];
  const applied = { done: first.applied.done + rest.done, pending: rest.pending, failed };
  return { view, plan: { ...planned, steps }, planned: 'all', applied, looked: true, reloaded: true, trouble: [] };
}
