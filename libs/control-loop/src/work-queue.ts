import { backOff, defaultBackOff, type BackOff } from './back-off.ts';
import { systemClock, type Clock } from './clock.ts';

export interface WorkQueueSettings {
  /**
   * Brings one key to where it should be. A rejection is a failure and is tried again after a growing wait; an answer
   * with `againAfterMs` is a success that wants to be looked at again. The signal aborts when the queue stops.
   */
  readonly work: (key: string, signal: AbortSignal) => Promise<WorkDone | void>;
  /** How many keys are worked on at the same time. */
  readonly workers: number;
  /** Keys of different lanes take turns, so that few do not wait behind many; asked when a key becomes due. One lane for all unless given. */
  readonly laneOf?: (key: string) => string;
  readonly backOff?: BackOff;
  readonly onFailure?: (failure: WorkFailure) => void;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface WorkDone {
  readonly againAfterMs?: number;
}

export interface WorkFailure {
  readonly key: string;
  readonly error: unknown;
  /** In a row, this one included. */
  readonly failures: number;
  readonly retryAfterMs: number;
}

export interface QueueDepth {
  /** Due and waiting for a worker. */
  readonly ready: number;
  readonly running: number;
  /** Not due yet: backing off, or to be looked at again. */
  readonly waiting: number;
}

/**
 * Keys to be worked on, first come first served in each lane. A key is in it once however often it is added, and is never worked on
 * twice at the same time: added while it is, it runs again afterwards. A key that fails waits for itself alone, longer
 * each time; adding it runs it at once.
 */
export class WorkQueue {
  readonly #settings: Required<WorkQueueSettings>;
  readonly #ready = new Lanes();
  readonly #running = new Set<string>();
  readonly #addedWhileRunning = new Set<string>();
  readonly #waiting = new Map<string, { dueAt: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #stopping = new AbortController();
  #onIdle: (() => void)[] = [];

  constructor(settings: WorkQueueSettings) {
    this.#settings = {
      backOff: defaultBackOff,
      onFailure: () => undefined,
      clock: systemClock,
      random: Math.random,
      laneOf: () => '',
      ...settings,
    };
  }

  /** Makes the key due now. */
  add(key: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopWaiting(key);
    if (this.#running.has(key)) this.#addedWhileRunning.add(key);
    else this.#ready.add(key, this.#settings.laneOf(key));
    this.#dispatch();
  }

  /** Makes the key due after `ms`, unless it is due earlier already. */
  addAfter(key: string, ms: number): void {
    if (this.#stopping.signal.aborted || this.#ready.has(key)) return;
    const { clock } = this.#settings;
    const dueAt = clock.now() + ms;
    const known = this.#waiting.get(key);
    if (known !== undefined && known.dueAt <= dueAt) return;
    known?.cancel();
    this.#waiting.set(key, { dueAt, cancel: clock.after(ms, () => this.add(key)) });
  }

  depth(): QueueDepth {
    return { ready: this.#ready.size, running: this.#running.size, waiting: this.#waiting.size };
  }

  /** Failures in a row of a key; 0 when it was never tried or succeeded last. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Resolves when no key is due and none is worked on; keys that wait do not count. */
  async idle(): Promise<void> {
    if (this.#ready.size + this.#running.size === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Starts nothing more, tells the running work by its signal, and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
    this.#ready.clear();
    this.#addedWhileRunning.clear();
    await this.idle();
  }

  #dispatch(): void {
    while (this.#running.size < this.#settings.workers) {
      const key = this.#ready.take();
      if (key === undefined) return;
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    try {
      const done = await this.#settings.work(key, this.#stopping.signal);
      this.#failures.delete(key);
      if (done?.againAfterMs !== undefined) this.addAfter(key, done.againAfterMs);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#failed(key, error);
    } finally {
      this.#running.delete(key);
      if (this.#addedWhileRunning.delete(key)) this.add(key);
      this.#dispatch();
      if (this.#ready.size + this.#running.size === 0) {
        for (const resolve of this.#onIdle.splice(0)) resolve();
      }
    }
  }

  #failed(key: string, error: unknown): void {
    const failures = this.failuresOf(key) + 1;
    this.#failures.set(key, failures);
    const retryAfterMs = backOff(failures, this.#settings.backOff, this.#settings.random());
    this.addAfter(key, retryAfterMs);
    this.#settings.onFailure({ key, error, failures, retryAfterMs });
  }

  #stopWaiting(key: string): void {
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
  }
}

/** Keys that are due, once each, in lanes that take turns. */
class Lanes {
  readonly #lanes = new Map<string, Set<string>>();

  get size(): number {
    return this.#lanes.values().reduce((sum, keys) => sum + keys.size, 0);
  }

  has(key: string): boolean {
    return this.#lanes.values().some((keys) => keys.has(key));
  }

  add(key: string, lane: string): void {
    if (this.has(key)) return;
    const keys = this.#lanes.get(lane);
    if (keys === undefined) this.#lanes.set(lane, new Set([key]));
    else keys.add(key);
  }

  take(): string | undefined {
    for (const [lane, keys] of this.#lanes) {
      const [key] = keys;
      this.#lanes.delete(lane);
      if (key === undefined) continue;
      keys.delete(key);
      // Behind the others.
      if (keys.size > 0) this.#lanes.set(lane, keys);
      return key;
    }
    return undefined;
  }

  clear(): void {
    this.#lanes.clear();
  }
}
