import type { Clock } from '@fairlead/control-loop';
import { pause } from '@fairlead/control-loop';
import type { Api } from './api.ts';
import { ApiFailure } from './api.ts';
import { field, integer, list, text } from './narrow.ts';

/** A kind of object to follow: `/api/v1/nodes`, and what of each to keep. */
export interface Kind<T> {
  readonly name: string;
  readonly path: string;
  readonly labelSelector?: string;
  /** For example metadata only; the default is whole objects. */
  readonly accept?: { readonly list: string; readonly watch: string };
  /** JSON → what is kept; undefined: nothing of this object. Must not throw. */
  readonly narrow: (raw: unknown) => T | undefined;
}

/** Where objects go. Calls are guarded: what one throws is reported and the watch goes on. */
export interface Sink<T> {
  /** Everything there is, by `namespace/name`. */
  replace(objects: ReadonlyMap<string, Seen<T>>): void;
  /** One object is now so; undefined: it is gone, or no longer of interest. */
  change(key: string, seen: Seen<T> | undefined): void;
}

export interface Seen<T> {
  readonly object: T;
  readonly resourceVersion: string;
}

export interface ListWatchOptions {
  readonly api: Api;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Told of every failure that was survived. */
  readonly onFailure: (kind: string, error: unknown) => void;
  readonly pageSize?: number;
  /** A watch that is silent for longer is cut; the API server is asked to end each in good order before that. */
  readonly idleMs?: number;
}

/** How a watch is doing, for metrics and readiness. */
export interface WatchHealth {
  /** Milliseconds of the clock when the API server was last heard; undefined: never. */
  lastHeard: number | undefined;
  lists: number;
  watches: number;
  failures: number;
}

/** A watch that lived so long was in order. */
const STABLE_MS = 5_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;

/**
 * Follows one kind until the signal is aborted: lists in pages, watches with bookmarks, resumes where it was cut,
 * lists again after 410, waits longer and longer (with jitter) while the API server is in trouble. Never rejects.
 */
export async function followKind<T>(
  kind: Kind<T>,
  sink: Sink<T>,
  options: ListWatchOptions,
  health: WatchHealth = newHealth(),
): Promise<void> {
  const { signal, clock, random, onFailure } = options;
  const follower = makeFollower(kind, sink, options, health);
  let quick = 0;
  let version: string | undefined;
  while (!signal.aborted) {
    const began = clock.now();
    let failure: unknown;
    try {
      version ??= await follower.list();
      version = await follower.watch(version);
    } catch (error) {
      if (signal.aborted) return;
      failure = error;
      health.failures++;
      onFailure(kind.name, error);
      version = isGone(error) ? undefined : (follower.reached() ?? version);
    }
    // A server that accepts and hangs up at once is in trouble too, in however good order it does so.
    quick = clock.now() - began >= STABLE_MS ? 0 : quick + 1;
    if (failure !== undefined || quick > 0) await pause(clock, waitMs(Math.max(1, quick), failure, random), signal);
  }
}

export function newHealth(): WatchHealth {
  return { lastHeard: undefined, lists: 0, watches: 0, failures: 0 };
}

/** Doubles from 100 ms to 30 s, each between half and whole; never less than the server asked for. */
export function waitMs(failed: number, error: unknown, random: () => number): number {
  const whole = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failed - 1, 20));
  const jittered = whole * (0.5 + random() / 2);
  const asked = error instanceof ApiFailure ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(jittered, asked === 0 ? 0 : asked * (1 + random() / 2));
}

interface Follower {
  /** Lists everything into the sink; the version to watch from. */
  list(): Promise<string>;
  /** Watches until the server ends it in good order; the version reached. */
  watch(from: string): Promise<string>;
  /** The version that the last watch had reached; undefined: none since the last list. */
  reached(): string | undefined;
}

function makeFollower<T>(kind: Kind<T>, sink: Sink<T>, options: ListWatchOptions, health: WatchHealth): Follower {
  const { api, signal, clock, random, onFailure, pageSize = 500, idleMs = 90_000 } = options;
  const selector = kind.labelSelector === undefined ? {} : { labelSelector: kind.labelSelector };
  let reached: string | undefined;

  function guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      health.failures++;
      onFailure(kind.name, error);
    }
  }

  async function page(token: string, limit: number): Promise<unknown> {
    const query = { ...selector, limit: String(limit), ...(token === '' ? {} : { continue: token }) };
    const accept = kind.accept === undefined ? {} : { accept: kind.accept.list };
    const answer = await api.request({ method: 'GET', path: kind.path, query, signal, timeoutMs: 60_000, ...accept });
    health.lastHeard = clock.now();
    return answer;
  }

  async function list(): Promise<string> {
    const found = new Map<string, Seen<T>>();
    reached = undefined;
    let token = '';
    let version = '';
    do {
      const answer = await page(token, pageSize);
      for (const raw of listOf(answer)) {
        const seen = read(kind, raw);
        if (seen !== undefined) found.set(keyOfRaw(raw), seen);
      }
      const metadata = field(answer, 'metadata');
      // All pages are of the version of the first (Kubernetes API concepts, "Retrieving large results sets in chunks").
      version = text(field(metadata, 'resourceVersion')) ?? '';
      token = text(field(metadata, 'continue')) ?? '';
    } while (token !== '');
    health.lists++;
    guarded(() => sink.replace(found));
    return version;
  }

  function handle(line: string): void {
    const event: unknown = JSON.parse(line);
    const raw = field(event, 'object');
    const type = field(event, 'type');
    if (type === 'ERROR') throw failureOf(kind.name, raw);
    const version = text(field(field(raw, 'metadata'), 'resourceVersion'));
    if (type !== 'BOOKMARK') {
      guarded(() => sink.change(keyOfRaw(raw), type === 'DELETED' ? undefined : read(kind, raw)));
    }
    if (version !== undefined) reached = version;
  }

  async function watch(from: string): Promise<string> {
    reached = from;
    // Bookmarks are no sign of life: of a kind of which it has seen no change an API server sends none.
    const wholeSeconds = Math.floor((idleMs / 1000) * (0.55 + random() / 10));
    const query = {
      ...selector,
      watch: 'true',
      resourceVersion: from,
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(Math.max(1, wholeSeconds)),
    };
    const accept = kind.accept === undefined ? {} : { accept: kind.accept.watch };
    await api.stream({
      path: kind.path,
      query,
      idleMs,
      signal,
      ...accept,
      onLine: (line) => {
        health.lastHeard = clock.now();
        if (line === undefined) health.watches++;
        else handle(line);
      },
    });
    return reached;
  }

  return { list, watch, reached: () => reached };
}

function read<T>(kind: Kind<T>, raw: unknown): Seen<T> | undefined {
  const object = kind.narrow(raw);
  if (object === undefined) return undefined;
  return { object, resourceVersion: text(field(field(raw, 'metadata'), 'resourceVersion')) ?? '' };
}

function keyOfRaw(raw: unknown): string {
  const metadata = field(raw, 'metadata');
  const namespace = text(field(metadata, 'namespace')) ?? '';
  const name = text(field(metadata, 'name')) ?? '';
  return namespace === '' ? name : `${namespace}/${name}`;
}

function listOf(answer: unknown): readonly unknown[] {
  const items = field(answer, 'items');
  // `items: null` is an empty list in Go's JSON; anything else without items is no list.
  if (items === undefined && field(answer, 'metadata') === undefined) {
    throw new ApiFailure('the API server answered a list request with something else', { status: 0 });
  }
  return list(items);
}

function failureOf(kind: string, status: unknown): ApiFailure {
  return new ApiFailure(`watch ${kind}: ${text(field(status, 'message')) ?? 'the API server reports an error'}`, {
    status: integer(field(status, 'code')) ?? 0,
    reason: text(field(status, 'reason')) ?? '',
  });
}

/** The version to resume from is no longer known: list again. */
function isGone(error: unknown): boolean {
  return error instanceof ApiFailure && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}
