import type { Clock } from '@fairlead/control-loop';
import { pause } from '@fairlead/control-loop';
import type { LoadBalancer, Node } from '@fairlead/model';
import type { Trace } from '@fairlead/telemetry';
import type { Cloudagent, EnsureOutcome, LoadBalancerStatus, NodeRefusal } from './cloudagent.ts';
import { SessionSuperseded } from './cloudagent.ts';
import { diffNodes } from './wanted/nodes.ts';
import type { Reign, Told } from './reign.ts';
import { beginReign, LOST_AFTER_MS } from './reign.ts';
import type { Served } from './status.ts';

export interface SessionOptions {
  readonly cloudagent: Cloudagent;
  /** Who we are, for people. */
  readonly holder: string;
  /** Whether a session may be opened now: opening one ends every other controller's. */
  readonly mayOpen: () => boolean;
  /** All nodes as they are now. */
  readonly nodes: () => readonly Node[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly newTrace: () => Trace;
  /** A session is open and everything that the cloudagent holds is known: compare all of it. */
  readonly onOpen: () => void;
  /** What is known of a Service's load balancer changed. `key` is `namespace/name`. */
  readonly onStatus: (key: string) => void;
  readonly onNodesRefused: (refusals: readonly NodeRefusal[]) => void;
  /** The session ended; another is opened later. */
  readonly onClosed: (error: unknown) => void;
}

/** The controller's side of the contract with the cloudagent. */
export interface Session {
  readonly open: boolean;
  /** Since when there is no session, milliseconds of the clock. */
  readonly closedSince: number;
  /** What ended the last one, or kept it from being opened; undefined before the first. */
  readonly closedBy: unknown;
  /** Ids of the load balancers that are or may be held for a Service of this name, live or gone. */
  heldFor(key: string): readonly string[];
  heldKeys(): readonly string[];
  served(id: string): Served | undefined;
  /** Makes it exist; asks the cloudagent only when it has not been told exactly this in this session. */
  ensure(loadBalancer: LoadBalancer, trace: Trace): Promise<Ensured>;
  /** Resolves when nothing serves it any more. */
  remove(id: string, trace: Trace): Promise<void>;
  /** Sends what changed since the last time; nothing when nothing did. */
  syncNodes(trace: Trace): Promise<void>;
  /** Keeps a session open until the signal is aborted. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export interface Ensured {
  readonly outcome: EnsureOutcome;
  /** True: the cloudagent was asked just now. */
  readonly sent: boolean;
  /** What it had been told before in this session. */
  readonly before: LoadBalancer | undefined;
  /** When it was first told of this load balancer in this session, milliseconds of the clock. */
  readonly since: number;
  /** With a refusal: how long until asking again makes sense. */
  readonly retryMs: number | undefined;
}

/** Thrown by calls while no session is open: no failure of the Service's. */
export class NoSession extends Error {
  constructor() {
    super('there is no session with the cloudagent: waiting for one');
    this.name = 'NoSession';
  }
}

const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 300_000;
const STABLE_MS = 30_000;

/** Speaks to the cloudagent on behalf of one cluster: one reign after another, each compared from scratch. */
export function createSession(options: SessionOptions): Session {
  const { cloudagent, clock, random } = options;
  const now = (): number => clock.now();
  let reign: Reign | undefined;
  let closedSince = now();
  let closedBy: unknown;

  // A superseded reign is over at once, though its stream may take a moment to end.
  function openReign(): Reign | undefined {
    return reign?.ready === true && !reign.end.signal.aborted ? reign : undefined;
  }

  function current(): Reign {
    const mine = openReign();
    if (mine === undefined) throw new NoSession();
    return mine;
  }

  async function inReign<T>(act: (reign: Reign) => Promise<T>): Promise<T> {
    const mine = current();
    try {
      return await act(mine);
    } catch (error) {
      if (error instanceof SessionSuperseded) mine.end.abort(error);
      throw error;
    }
  }

  async function rule(signal: AbortSignal): Promise<void> {
    const opened = await cloudagent.openSession(options.holder);
    const nodes = options.nodes();
    const mine = beginReign(opened, nodes);
    reign = mine;
    const change = { full: true, upsert: nodes, remove: [] };
    options.onNodesRefused(await cloudagent.syncNodes(mine.number, change, options.newTrace()));
    for (;;) {
      const began = now();
      await watch(mine, AbortSignal.any([signal, mine.end.signal]));
      if (mine.end.signal.aborted) throw mine.end.signal.reason;
      if (signal.aborted || now() - began < STABLE_MS) throw new Error('the cloudagent ended the watch');
    }
  }

  /** Resolves when the cloudagent ends it in good order: one that lived long had become old, and is begun again. */
  async function watch(mine: Reign, signal: AbortSignal): Promise<void> {
    const told = new Set<string>();
    for await (const event of cloudagent.watchStatus(mine.number, signal)) {
      if (event.kind === 'status') {
        told.add(event.status.id);
        learn(mine, event.status);
      } else if (event.kind === 'removed') tellOf(mine, mine.release(event.id));
      else if (mine.ready) {
        for (const id of mine.knownIds()) if (!told.has(id)) tellOf(mine, mine.release(id));
      } else {
        mine.ready = true;
        options.onOpen();
      }
    }
  }

  function learn(mine: Reign, status: LoadBalancerStatus): void {
    if (status.namespace === '') return;
    const key = `${status.namespace}/${status.name}`;
    const justLost = mine.learn(status, key, now());
    if (justLost) clock.after(LOST_AFTER_MS + 100, () => options.onStatus(key));
    tellOf(mine, key);
  }

  function tellOf(mine: Reign, key: string | undefined): void {
    if (mine.ready && key !== undefined) options.onStatus(key);
  }

  async function ask(mine: Reign, loadBalancer: LoadBalancer, trace: Trace): Promise<Ensured> {
    const { id, namespace, name } = loadBalancer;
    const before = mine.told(id);
    const text = JSON.stringify(loadBalancer);
    const same = before?.text === text;
    if (same && (before.outcome.kind === 'ensured' || now() < before.askAgainAt)) return answer(before, false, before);
    mine.hold(id, `${namespace}/${name}`);
    const outcome = await cloudagent.ensure(mine.number, loadBalancer, trace);
    const refusals = outcome.kind === 'ensured' ? 0 : same ? before.refusals + 1 : 1;
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(Math.max(0, refusals - 1), 10));
    const askAgainAt = now() + pause * (1 + random() / 4);
    const told: Told = { loadBalancer, text, outcome, since: before?.since ?? now(), refusals, askAgainAt };
    mine.tell(id, told);
    return answer(told, true, before);
  }

  function answer(told: Told, sent: boolean, before: Told | undefined): Ensured {
    const retryMs = told.outcome.kind === 'refused' ? Math.max(100, told.askAgainAt - now()) : undefined;
    return { outcome: told.outcome, sent, before: before?.loadBalancer, since: told.since, retryMs };
  }

  return {
    get open() {
      return openReign() !== undefined;
    },
    get closedSince() {
      return closedSince;
    },
    get closedBy() {
      return closedBy;
    },
    heldFor: (key) => current().heldFor(key),
    heldKeys: () => current().heldKeys(),
    served: (id) => current().served(id, now()),
    ensure: (loadBalancer, trace) => inReign((mine) => ask(mine, loadBalancer, trace)),
    remove: (id, trace) =>
      inReign(async (mine) => {
        await cloudagent.remove(mine.number, id, trace);
        mine.release(id);
      }),
    syncNodes: (trace) =>
      inReign(async (mine) => {
        const wanted = options.nodes();
        const byName = new Map(wanted.map((node) => [node.name, node]));
        const change = diffNodes(mine.nodes, byName);
        if (change === undefined) return;
        options.onNodesRefused(await cloudagent.syncNodes(mine.number, change, trace));
        mine.nodes = byName;
      }),
    async run(signal) {
      let failed = 0;
      while (!signal.aborted) {
        const began = now();
        let reason: unknown;
        if (options.mayOpen()) {
          reason = await rule(signal).catch((error: unknown) => error);
          reign?.end.abort(reason);
          if (reign?.ready === true) closedSince = now();
          reign = undefined;
          closedBy = reason;
          if (signal.aborted) return;
          options.onClosed(reason);
        }
        failed = now() - began > STABLE_MS ? 1 : failed + 1;
        await pause(clock, pauseMs(failed, reason, random), signal);
      }
    },
  };
}

// Who was superseded lets the other work: two that fight over one name would stop everything for both.
function pauseMs(failed: number, reason: unknown, random: () => number): number {
  const superseded = reason instanceof SessionSuperseded;
  const first = superseded ? FIRST_RETRY_MS : 100;
  const longest = superseded ? LONGEST_RETRY_MS : 2_000;
  return Math.min(longest, first * 2 ** Math.min(failed - 1, 20)) * (0.5 + random() / 2);
}
