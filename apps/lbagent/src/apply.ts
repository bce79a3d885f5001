import type { Command, CommandSocket } from '@fairlead/haproxy';
import { setTimeout as sleep } from 'node:timers/promises';
import { advance, type View } from './planning/advance.ts';
import { applyLimits } from './nftables/apply-limits.ts';
import { commandsOf } from './haproxy/commands.ts';
import { ForwardingFailure } from './forwarding/kernel.ts';
import type { Forwarding } from './forwarding/types.ts';
import type { Links } from './links/types.ts';
import { isRefusal } from './nftables/kernel.ts';
import type { Nftables } from './nftables/types.ts';
import type { Step } from './planning/step.ts';

export interface DataPlane {
  readonly runtime: CommandSocket;
  readonly mapFile: string;
  readonly nftables: Nftables;
  readonly forwarding: Forwarding;
  readonly links: Links;
}

/** What was reached. The view given has been brought up to it. */
export interface Applied {
  readonly done: number;
  /** Backends with servers that wait for their last connection. */
  readonly pending: ReadonlySet<string>;
  /** By map key, or VIP for an address: why not. Steps that build on a failed one were left out. */
  readonly failed: ReadonlyMap<string, string>;
}

/**
 * Carries out the steps in order, as few round trips as that allows. What one service is refused leaves the others
 * alone. Throws when haproxy, nft or ip does not answer: then nobody knows what was done, and it must be looked at anew.
 */
export async function apply(steps: readonly Step[], plane: DataPlane, view: View): Promise<Applied> {
  const failed = new Map<string, string>();
  const note = (step: Step): void => advance(view, step);
  let done = 0;
  const pending = new Set<string>();
  // Nothing of haproxy's asks whether an address is there yet; only what is caught does.
  let addresses: Promise<number> | undefined;
  for (const group of inGroups(steps)) {
    const possible = group.steps.filter((step) => !dependsOnFailed(step, failed));
    if (group.channel === 'links') {
      done += (await addresses) ?? 0;
      addresses = applyAddresses(possible, plane, { failed, note });
      // It is awaited further down, perhaps after something else has thrown.
      addresses.catch(() => undefined);
      continue;
    }
    if (group.channel === 'limits') {
      done += await applyLimits(possible, plane.nftables, { failed, note });
    } else if (group.channel === 'nftables') {
      await addresses;
      done += await applyCaught(possible, plane, { failed, note });
    } else if (group.channel === 'forwarding') {
      await addresses;
      done += await applyForwards(possible, plane, { failed, note });
    } else {
      const outcome = await applyToHaproxy(possible, plane, { failed, note });
      done += outcome.done;
      for (const { backend } of outcome.pending) pending.add(backend);
    }
  }
  done += (await addresses) ?? 0;
  return { done, pending, failed };
}

type Channel = 'links' | 'servers' | 'map' | 'nftables' | 'limits' | 'forwarding';

/** Where steps leave what came of them. */
export interface Notes {
  readonly failed: Map<string, string>;
  readonly note: (step: Step) => void;
}

const CHANNEL: Readonly<Record<Step['kind'], Channel>> = {
  'add-address': 'links',
  'remove-address': 'links',
  'use-node-check': 'servers',
  'hold-node-check': 'servers',
  'add-server': 'servers',
  'resume-server': 'servers',
  'keep-server': 'servers',
  'add-service': 'map',
  'move-service': 'map',
  'remove-service': 'map',
  'drain-server': 'servers',
  'delete-server': 'servers',
  'free-node-check': 'servers',
  limit: 'limits',
  catch: 'nftables',
  release: 'nftables',
  forward: 'forwarding',
  'stop-forwarding': 'forwarding',
};

function inGroups(steps: readonly Step[]): readonly { readonly channel: Channel; readonly steps: readonly Step[] }[] {
  const groups: { channel: Channel; steps: Step[] }[] = [];
  for (const step of steps) {
    const channel = CHANNEL[step.kind];
    if (groups.at(-1)?.channel !== channel) groups.push({ channel, steps: [] });
    groups.at(-1)!.steps.push(step);
  }
  return groups;
}

const BUILDS_ON: ReadonlySet<Step['kind']> = new Set(['add-service', 'move-service', 'catch', 'forward']);

function dependsOnFailed(step: Step, failed: ReadonlyMap<string, string>): boolean {
  // What could not be taken away must not be left open to everyone.
  const isOpening = step.kind === 'limit' && step.to === undefined;
  return (isOpening || BUILDS_ON.has(step.kind)) && 'key' in step && failed.has(step.key);
}

/** Sessions that were told to end need a moment. */
const RETRY_DELETE_MS = [2, 10, 50];

async function applyToHaproxy(
  steps: readonly Step[],
  plane: DataPlane,
  notes: Notes,
): Promise<{ done: number; pending: readonly DeleteServer[] }> {
  const pending: DeleteServer[] = [];
  let rest = steps;
  let done = 0;
  for (const pause of [...RETRY_DELETE_MS, undefined]) {
    const later = await runSteps(rest, plane, notes);
    done += rest.length - later.length;
    pending.push(...later.filter(({ force }) => !force || pause === undefined));
    rest = later.filter(({ force }) => force);
    if (rest.length === 0 || pause === undefined) break;
    await sleep(pause);
  }
  return { done, pending };
}

type DeleteServer = Extract<Step, { kind: 'delete-server' }>;

/** Returns the steps that must be tried again later. */
async function runSteps(steps: readonly Step[], plane: DataPlane, notes: Notes): Promise<readonly DeleteServer[]> {
  const work = steps.map((step) => ({ step, commands: commandsOf(step, plane.mapFile) }));
  const replies = await plane.runtime.run(work.flatMap(({ commands }) => commands.map((command) => command.text)));
  const later: DeleteServer[] = [];
  let next = 0;
  for (const { step, commands } of work) {
    const outcomes = commands.map((command) => judge(command, replies[next++]!));
    const failure = outcomes.find((outcome) => typeof outcome === 'object');
    if (failure) notes.failed.set(subjectOf(step), failure.message);
    else if (outcomes.includes('later') && step.kind === 'delete-server') later.push(step);
    else notes.note(step);
  }
  return later;
}

function judge(command: Command, reply: string): 'done' | 'later' | { readonly message: string } {
  if (command.success.test(reply)) return 'done';
  if (command.later?.test(reply) === true) return 'later';
  return { message: `haproxy answered ${JSON.stringify(reply.slice(0, 200))} to ${JSON.stringify(command.text)}` };
}

async function applyAddresses(steps: readonly Step[], { links }: DataPlane, notes: Notes): Promise<number> {
  const of = (kind: 'add-address' | 'remove-address') =>
    steps.flatMap((step) => (step.kind === kind && 'address' in step ? [step.address] : []));
  const failures = await links.apply({ add: of('add-address'), remove: of('remove-address') });
  const failed = new Map(failures.map((each) => [`${each.device} ${each.address}`, each.message]));
  for (const step of steps) {
    if (!('address' in step)) continue;
    const message = failed.get(`${step.address.device} ${step.address.address}`);
    if (message === undefined) notes.note(step);
    else notes.failed.set(step.address.address, `${step.address.address} on ${step.address.device}: ${message}`);
  }
  return steps.length - failed.size;
}

/** All in one transaction; if nft refuses it, each for itself, so that only the guilty one is left out. */
async function applyCaught(steps: readonly Step[], plane: DataPlane, notes: Notes): Promise<number> {
  const change = (some: readonly Step[]) => ({
    add: some.flatMap((step) => (step.kind === 'catch' ? [step.caught] : [])),
    remove: some.flatMap((step) => (step.kind === 'release' ? [step.caught] : [])),
  });
  if (steps.length === 0) return 0;
  try {
    await plane.nftables.apply(change(steps));
    for (const step of steps) notes.note(step);
    return steps.length;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (steps.length === 1) {
      notes.failed.set(subjectOf(steps[0]!), error.message);
      return 0;
    }
  }
  let done = 0;
  for (const step of steps) done += await applyCaught([step], plane, notes);
  return done;
}

/** All in one transaction; if nft refuses it, each for itself, unless it would refuse them all. */
async function applyForwards(steps: readonly Step[], plane: DataPlane, notes: Notes): Promise<number> {
  const put = steps.flatMap((step) => (step.kind === 'forward' ? [step.forward] : []));
  const remove = steps.flatMap((step) => (step.kind === 'stop-forwarding' ? [step] : []));
  if (steps.length === 0) return 0;
  try {
    await plane.forwarding.apply({ put, remove });
    for (const step of steps) notes.note(step);
    return steps.length;
  } catch (error) {
    if (!(error instanceof ForwardingFailure)) throw error;
    if (steps.length === 1 || error.forAll) {
      for (const step of steps) notes.failed.set(subjectOf(step), error.message);
      return 0;
    }
  }
  let done = 0;
  for (const step of steps) done += await applyForwards([step], plane, notes);
  return done;
}

function subjectOf(step: Step): string {
  if ('key' in step) return step.key;
  if ('address' in step) return step.address.address;
  return `${step.backend}/${step.server}`;
}
