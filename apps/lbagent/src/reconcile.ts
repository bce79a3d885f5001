import { backOff } from '@fairlead/control-loop';
import { formatVersion } from './state/state.ts';
import type { AddressFamily, MachineState, Refusal } from '@fairlead/model';
import { explainFailure, type Logger, parseTraceparent, withTrace } from '@fairlead/telemetry';
import type { Step } from './planning/step.ts';
import { apply } from './apply.ts';
import type { View } from './planning/advance.ts';
import { followAnswers, NOTHING_UNANSWERED } from './answers/answers.ts';
import { watchServing } from './answers/serving.ts';
import { drainingServers } from './draining/draining.ts';
import { driftOf, type Settled, settledBy } from './planning/drift.ts';
import { type NextLook, nextLook, QUIET_MS } from './pace/next-look.ts';
import { type Judged, NOTHING_JUDGED } from './node-checks/judgement.ts';
import { type Look, pass, type Reached } from './pass.ts';
import { stopLeavingChecks } from './planning/leaving-checks.ts';
import { refusalsOf } from './refusals.ts';
import { downBackends } from './report.ts';
import type { Held } from './state/state.ts';
import type { StatusBoard } from './status-board.ts';
import { createSurvey, type SurveyParts } from './survey.ts';
import { type Known, knownAfter } from './planning/unfinished.ts';
import { createAwaitedReader } from './wanted/awaited.ts';
import { createWantedReader, type Wanted } from './wanted/wanted.ts';

export interface ReconcileParts extends SurveyParts {
  readonly log: Logger;
  readonly board: StatusBoard;
  readonly families: readonly AddressFamily[];
  /** Where the machines of a set tell each other which client goes to which backend. */
  readonly peersPort: number;
  /** How often everything is looked at, whether or not something happened; in milliseconds. */
  readonly lookEveryMs: number;
  /** Called after each pass. */
  readonly onPass?: (pass: { readonly seconds: number; readonly reached: Reached }) => void;
}

/** Why a pass happens, for the report that answers it. */
export interface Cause {
  /** `performance.now()` when it arrived. */
  readonly arrivedAt: number;
  readonly traceparent: string;
}

/** Makes what is there what is wanted. It never acts on what an event says, only on what it then sees. */
export interface Reconciler {
  /** A new desired state; a pass follows. Several that come during one pass are one. */
  hold(held: Held, cause?: Cause): void;
  /** How the nodes of each cluster are asked whether they live. */
  useNodeChecks(judged: Judged): void;
  /** Something may have changed out there: look at all of it. */
  look(): void;
  /** What was reached last, and what should be; undefined while either is not known. */
  current(): { readonly wanted: Wanted; readonly view: View } | undefined;
  /** Ends after the pass that runs. What serves goes on serving. */
  stop(): Promise<void>;
}

/** What may pass by itself in a moment is an error when it does not; then it has been said. */
const COMPLAINTS = ['warn', 'debug', 'error'] as const;
const RETRY = { firstMs: 100, maxMs: 5_000, jitter: 0.2 };

export function startReconciler(parts: ReconcileParts): Reconciler {
  const { log, board } = parts;
  let held: Held | undefined;
  let judged = NOTHING_JUDGED;
  let cause: Cause | undefined;
  let view: View | undefined;
  let served: Wanted | undefined;
  let unanswered = NOTHING_UNANSWERED;
  let known: Known | undefined;
  let reachedState: MachineState | undefined;
  let settled: Settled | undefined;
  let look: Look | undefined = 'all';
  let lookedAt = 0;
  let triedAt = 0;
  let lastHeldAt = 0;
  let low = false;
  let failures = 0;
  let surveying: Promise<void> | undefined;
  let complaint: string | undefined;
  let repeated = 0;
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let wake: () => void = () => undefined;
  let due = true;
  let endUrgency: () => void = () => undefined;

  const trigger = (): void => {
    due = true;
    wake();
  };
  const lookNow = (what: Look): void => {
    if (look !== 'all') look = what;
    trigger();
  };
  const lookSoon = (ms: number, what: NextLook['what'] = 'all'): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (what === 'around') surveying ??= lookAround();
      else lookNow(what);
    }, ms);
  };
  const current = () => (served && view ? { wanted: served, view } : undefined);
  const answers = followAnswers(trigger);
  const serving = watchServing({
    socket: parts.plane.runtime,
    current,
    onServing(keys) {
      unanswered = answers.see(keys);
      board.update({ unanswered: unanswered.loadBalancers });
    },
    onFailure: () => lookNow('all'),
  });
  const readAwaited = createAwaitedReader();
  const readWanted = createWantedReader();
  const survey = createSurvey(parts);
  const wanted = remember(({ state }: Held, { choices, held }: Judged) =>
    readWanted(state, {
      families: parts.families,
      peersPort: parts.peersPort,
      nodeChecks: choices,
      heldClusters: new Set(held.keys()),
    }),
  );

  async function once(): Promise<void> {
    if (!held) {
      if (look) await parts.haproxy.ensureRunning(undefined);
      look = undefined;
      return;
    }
    const { loadBalancers } = held.state;
    await stopLeaving(held);
    const whole = wanted(held, judged);
    answers.follow(whole, loadBalancers);
    await answers.mostHeard();
    unanswered = answers.follow(whole, loadBalancers);
    const { unseen } = unanswered;
    const input = { held, wanted: readAwaited(whole, unanswered.servers), view, known, look };
    // Files are written while the pass goes on, and are to say what it makes.
    served = input.wanted;
    const answered = cause;
    cause = undefined;
    look = undefined;
    const startedAt = performance.now();
    const quiet = startedAt - lastHeldAt > QUIET_MS;
    const reached = await pass({ ...input, foldWhenLow: quiet }, parts).catch((error: unknown) => {
      // Still to be answered, with whatever has come since.
      if (answered) cause = { arrivedAt: answered.arrivedAt, traceparent: cause?.traceparent ?? answered.traceparent };
      throw error;
    });
    view = reached.view;
    known = knownAfter(input.known, input.wanted, reached);
    reachedState = input.held.state;
    if (reached.looked) lookedAt = startedAt;
    if (reached.looked || input.look) triedAt = startedAt;
    tell(input, reached, answered);
    serving.expect(unseen);
    parts.onPass?.({ seconds: (performance.now() - startedAt) / 1000, reached });
    low = reached.low;
    planNextLook();
  }

  /** What is not seen as it is now is no ground for haste. */
  async function stopLeaving({ state }: Held): Promise<void> {
    if (!view || !known || !reachedState || look === 'all') return;
    const steps = stopLeavingChecks({ before: reachedState, now: state, known, worker: view.worker });
    if (steps.length > 0) await apply(steps, parts.plane, view);
  }

  function planNextLook(): void {
    const now = performance.now();
    const { at, what } = nextLook({ lookedAt, triedAt, known, low, lookEveryMs: parts.lookEveryMs }, now);
    lookSoon(Math.max(0, at - now), what);
  }

  /** Looks beside the changes that go on; only when something is not as it should be they have to wait for a whole pass. */
  async function lookAround(): Promise<void> {
    const before = view;
    const startedAt = performance.now();
    try {
      if (!held || !before) return lookNow('all');
      const { difference, repairs, findings } = await survey(before, held.state.config);
      if (repairs.length > 0) noteDrift(repairs.length, { repairs });
      // Somebody has looked at everything meanwhile.
      if (view !== before) return;
      board.find('keepalived', findings);
      lookedAt = startedAt;
      // Whoever drains is looked at until it is gone, or only kept: nothing else would tell that its time is over.
      const isForgotten = known?.pending.size === 0 && drainingServers(view.worker).size > 0;
      if (difference === undefined && !isForgotten) planNextLook();
      else {
        log.debug({ difference }, 'not as it was left');
        lookNow('all');
      }
    } catch {
      // The pass sees it too, and tells.
      lookNow('all');
    } finally {
      surveying = undefined;
    }
  }

  function noteDrift(drift: number, what: object): void {
    log.warn({ drift, ...what }, 'drift repaired');
    board.update({ driftRepaired: board.current().driftRepaired + drift });
  }

  function tell(input: { held: Held; wanted: Wanted }, reached: Reached, answered: Cause | undefined): void {
    const drift = driftOf(settled, input.wanted, reached);
    if (drift > 0) noteDrift(drift, { steps: reached.plan.steps, repairs: reached.repairs });
    settled = settledBy(known, reached);
    const { refused: before, haproxyReloads } = board.current();
    const refused = refusalsOf({ ...input, unreadable: input.held.unreadable, failed: reached.applied.failed });
    logRefusals(log, before, refused);
    board.find('data plane', []);
    board.find('keepalived', reached.findings);
    const change = {
      applied: input.held.version,
      refused,
      owned: reached.view.owned,
      haproxyReloads: haproxyReloads + (reached.reloaded ? 1 : 0),
      ...(reached.looked ? { down: downBackends(reached.plan.assignment, reached.view.worker) } : {}),
      unanswered: unanswered.loadBalancers,
    };
    if (!answered) {
      board.update(change);
      return;
    }
    const applyMicros = Math.round((performance.now() - answered.arrivedAt) * 1000);
    logApplied({ version: formatVersion(input.held.version), applyMicros, steps: reached.plan.steps }, answered);
    board.update({ ...change, applyMicros, traceparent: answered.traceparent }, true);
  }

  function logApplied(what: { version: string; applyMicros: number; steps: readonly Step[] }, why: Cause): void {
    const trace = parseTraceparent(why.traceparent);
    const traced = trace ? withTrace(log, trace) : log;
    const { steps, ...rest } = what;
    traced.info({ ...rest, steps: steps.length }, 'applied');
    traced.debug({ steps }, 'steps');
  }

  function failed(error: unknown): void {
    view = undefined;
    known = undefined;
    settled = undefined;
    look = 'all';
    failures += 1;
    const message = explainFailure(error);
    repeated = message === complaint ? repeated + 1 : 1;
    complaint = message;
    const level = COMPLAINTS[repeated - 1] ?? 'debug';
    log[level]({ failures }, `the data plane is not as wanted yet: ${message}`);
    board.find('data plane', [`not as wanted yet: ${message}`]);
    lookSoon(backOff(failures, RETRY, Math.random()));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (!due) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      due = false;
      try {
        await once();
        failures = 0;
        complaint = undefined;
      } catch (error) {
        failed(error);
      }
      if (!due) endUrgency();
    }
  }

  const running = run();
  return {
    hold(next, why) {
      held = next;
      lastHeldAt = performance.now();
      // The oldest unanswered arrival counts, the newest trace is told.
      if (why) {
        cause = { arrivedAt: cause?.arrivedAt ?? why.arrivedAt, traceparent: why.traceparent };
        const endBefore = endUrgency;
        endUrgency = parts.urgency.begin();
        endBefore();
      }
      trigger();
    },
    useNodeChecks(next) {
      judged = next;
      trigger();
    },
    look() {
      look = 'all';
      trigger();
    },
    current,
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      answers.stop();
      serving.stop();
      wake();
      await running;
      await surveying;
    },
  };
}

/** A few of those that are new; the report tells of all. */
function logRefusals(log: Logger, before: ReadonlyMap<string, Refusal>, now: ReadonlyMap<string, Refusal>): void {
  const fresh = [...now].filter(([id]) => !before.has(id));
  if (fresh.length === 0) return;
  const some = fresh.slice(0, 10).map(([id, refusal]) => ({ id, ...refusal }));
  log.warn({ refused: fresh.length, some }, 'load balancers are refused');
}

/** Remembers the last answer, for the same two arguments. */
function remember<A, B, R>(compute: (a: A, b: B) => R): (a: A, b: B) => R {
  let last: { a: A; b: B; result: R } | undefined;
  return (a, b) => {
    if (last?.a !== a || last.b !== b) last = { a, b, result: compute(a, b) };
    return last.result;
  };
}
