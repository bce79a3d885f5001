import type { ServerResponse } from 'node:http';
import { systemClock } from '@fairlead/control-loop';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../test/loopback.ts';
import {
  json,
  page,
  type ScriptedApiServer,
  sendEvent,
  startScriptedApiServer,
  thing,
} from '../../test/scripted-api-server.ts';
import { ApiFailure } from './api.ts';
import { createCache, type Cache } from './cache.ts';
import { followKind, newHealth, waitMs, type Kind } from './list-watch.ts';
import { field, text } from './narrow.ts';

const KIND: Kind<{ name: string }> = {
  name: 'things',
  path: '/api/v1/things',
  narrow(raw) {
    const name = text(field(field(raw, 'metadata'), 'name'));
    return name === undefined || name.startsWith('other') ? undefined : { name };
  },
};

let server: ScriptedApiServer;
let end: AbortController;
let following: Promise<void>;
let cache: Cache<{ name: string }>;
let changes: string[];
let failures: string[];
let watches: ServerResponse[];

beforeEach(async () => {
  server = await startScriptedApiServer();
  end = new AbortController();
  following = Promise.resolve();
  changes = [];
  failures = [];
  watches = [];
  cache = createCache(
    (key, before, after) => changes.push(`${key}: ${before ? 'known' : 'new'}${after ? '' : ' gone'}`),
    () => changes.push('synced'),
  );
});
afterEach(async () => {
  end.abort();
  await following;
  await server.stop();
});

interface Options {
  readonly idleMs?: number;
  readonly sink?: Cache<{ name: string }>;
}

function follow({ idleMs = 60_000, sink = cache }: Options = {}): ReturnType<typeof newHealth> {
  const health = newHealth();
  const options = {
    api: server.api,
    signal: end.signal,
    // Waits are the subject of a test of their own.
    clock: { now: () => systemClock.now(), after: (ms: number, act: () => void) => systemClock.after(ms / 100, act) },
    random: () => 0,
    onFailure: (_kind: string, error: unknown) => failures.push(String(error)),
    pageSize: 2,
    idleMs,
  };
  following = followKind(KIND, sink, options, health);
  return health;
}

/** Lists are answered by `list`, each watch is kept open and noted. */
function script(list: (url: URL) => unknown): void {
  server.answer = (url, response) => {
    if (url.searchParams.get('watch') === null) return json(response, 200, list(url));
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    watches.push(response);
  };
}

async function watching(count: number): Promise<ServerResponse> {
  return eventually(`${count} watches`, () => watches.length >= count && watches[count - 1]);
}

it('lists in pages, then watches from the version of the list with bookmarks', async () => {
  script((url) => (url.searchParams.get('continue') === 'next' ? page(['c'], '7') : page(['a', 'b'], '7', 'next')));
  follow();
  await watching(1);
  expect([...cache.keys()]).toEqual(['a', 'b', 'c']);
  expect(changes).toEqual(['a: new', 'b: new', 'c: new', 'synced']);
  const [first, second, watch] = server.requests;
  expect([first, second].map((url) => url!.search)).toEqual(['?limit=2', '?limit=2&continue=next']);
  expect(Object.fromEntries(watch!.searchParams)).toMatchObject({
    watch: 'true',
    resourceVersion: '7',
    allowWatchBookmarks: 'true',
  });
});

it('keeps nothing but what is used', async () => {
  script(() => page(['a', 'other'], '1'));
  follow();
  await watching(1);
  expect([...cache.values()]).toEqual([{ name: 'a' }]);
});

it('takes events, and tells only what changed', async () => {
  script(() => page(['a'], '1'));
  follow();
  const watch = await watching(1);
  changes.length = 0;
  sendEvent(watch, 'ADDED', thing('b', '2'));
  sendEvent(watch, 'MODIFIED', thing('a', '3'));
  sendEvent(watch, 'DELETED', thing('b', '4'));
  await eventually('b is gone', () => cache.get('b') === undefined && changes.length >= 2);
  expect(changes).toEqual(['b: new', 'b: known gone']);
});

it('goes on from the last event or bookmark when the watch is broken, without listing again', async () => {
  script(() => page(['a'], '1'));
  follow();
  const first = await watching(1);
  sendEvent(first, 'BOOKMARK', thing('', '42'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  first.destroy();
  await watching(2);
  expect(server.requests.map((url) => url.searchParams.get('resourceVersion'))).toEqual([null, '1', '42']);
});

it.each([
  [
    'as an event',
    (watch: ServerResponse) => sendEvent(watch, 'ERROR', { kind: 'Status', code: 410, reason: 'Expired' }),
  ],
  ['as an answer', undefined],
])('lists again when its version is too old (%s), and tells what it missed', async (_name, inStream) => {
  let names = ['a', 'b'];
  let refuse = inStream === undefined;
  script(() => page(names, '1'));
  const usual = server.answer;
  server.answer = (url, response, request) => {
    if (!refuse || url.searchParams.get('watch') === null) return usual(url, response, request);
    refuse = false;
    names = ['b', 'c'];
    json(response, 410, { code: 410, reason: 'Expired' });
  };
  follow();
  if (inStream !== undefined) {
    const watch = await watching(1);
    names = ['b', 'c'];
    inStream(watch);
  }
  await eventually('c is known', () => cache.get('c'));
  expect([...cache.keys()]).toEqual(['b', 'c']);
  expect(changes.slice(-2)).toEqual(['a: known gone', 'c: new']);
});

it.each([500, 429, 503])('goes on after HTTP %i, in lists and in watches', async (status) => {
  const bad = new Set(['list', 'watch']);
  script(() => page(['a'], '1'));
  const usual = server.answer;
  server.answer = (url, response, request) => {
    const what = url.searchParams.get('watch') === null ? 'list' : 'watch';
    if (!bad.delete(what)) return usual(url, response, request);
    json(response, status, { code: status, message: 'not now' });
  };
  const health = follow();
  await watching(1);
  expect(cache.synced).toBe(true);
  expect(health.failures).toBe(2);
  expect(failures).toEqual([
    expect.stringContaining(`${status}: not now`),
    expect.stringContaining(`${status}: not now`),
  ]);
});

it('notices a watch that has gone silent, and begins it again', async () => {
  script(() => page(['a'], '1'));
  follow({ idleMs: 60 });
  const first = await watching(1);
  await watching(2);
  expect(first.destroyed || first.closed).toBe(true);
  expect(failures[0]).toContain('nothing heard for 60 ms');
});

it.each([60_000, 90_000])(
  'has a watch of which there is no news end in good order before %i ms of silence',
  async (idleMs) => {
    script(() => page(['a'], '7'));
    follow({ idleMs });
    const watch = await watching(1);
    const seconds = Number(server.requests.at(-1)!.searchParams.get('timeoutSeconds'));
    expect(seconds * 1_000).toBeGreaterThan(idleMs / 2);
    expect(seconds * 1_000).toBeLessThan(idleMs * 0.7);
    watch.end();
    await watching(2);
    expect(server.requests.at(-1)!.searchParams.get('resourceVersion')).toBe('7');
    expect(failures).toEqual([]);
  },
);

it('does not take a watch with bookmarks for a silent one', async () => {
  script(() => page(['a'], '1'));
  follow({ idleMs: 150 });
  const watch = await watching(1);
  for (let count = 0; count < 8; count++) {
    sendEvent(watch, 'BOOKMARK', thing('', String(count + 2)));
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  expect(watches).toHaveLength(1);
});

it('survives a torn line and an answer that is no list', async () => {
  let first = true;
  script(() => {
    const answer = first ? { oops: true } : page(['a'], '1');
    first = false;
    return answer;
  });
  follow();
  const watch = await watching(1);
  watch.write('{"type":"ADDED","obj\n');
  await watching(2);
  expect(cache.get('a')).toEqual({ name: 'a' });
});

it('survives a handler that throws', async () => {
  script(() => page([], '1'));
  const throwing = createCache<{ name: string }>(
    (key) => {
      if (key === 'bad') throw new Error('in the handler');
    },
    () => {},
  );
  follow({ sink: throwing });
  const watch = await watching(1);
  sendEvent(watch, 'ADDED', thing('bad', '2'));
  sendEvent(watch, 'ADDED', thing('good', '3'));
  await eventually('good is known', () => throwing.get('good'));
  expect(failures).toEqual(['Error: in the handler']);
  expect(watches).toHaveLength(1);
});

it('does not hammer a server that hangs up at once in good order', async () => {
  script(() => page([], '1'));
  const usual = server.answer;
  server.answer = (url, response, request) => {
    if (url.searchParams.get('watch') === null) return usual(url, response, request);
    response.writeHead(200).end();
  };
  follow();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Waits of 0.5, 1, 2, 4 … ms here, a hundredth of the real ones.
  expect(server.requests.length).toBeLessThan(20);
});

it('waits longer after each failure, with jitter, up to 30 s, and as long as the server asks', () => {
  const error = new Error('x');
  expect([1, 2, 3, 4].map((failed) => waitMs(failed, error, () => 1))).toEqual([100, 200, 400, 800]);
  expect([1, 2, 3, 4].map((failed) => waitMs(failed, error, () => 0))).toEqual([50, 100, 200, 400]);
  expect(waitMs(1_000, error, () => 1)).toBe(30_000);
  expect(waitMs(1, new ApiFailure('busy', { status: 429, retryAfterMs: 5_000 }), () => 0)).toBe(5_000);
});
