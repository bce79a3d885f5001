import { type CommandSocket, observeBackends } from '@fairlead/haproxy';
import type { View } from '../planning/advance.ts';
import type { Wanted } from '../wanted/wanted.ts';

export interface ServingParts {
  readonly socket: CommandSocket;
  readonly current: () => { readonly wanted: Wanted; readonly view: View } | undefined;
  /** Told of services once a backend of theirs is alive, by key. */
  readonly onServing: (keys: readonly string[]) => void;
  /** haproxy did not answer. */
  readonly onFailure: (error: unknown) => void;
}

export interface ServingWatch {
  /** These wait for a living backend, by key, and nobody else does. The ones that did not before are looked at at once. */
  expect(keys: readonly string[]): void;
  stop(): void;
}

/** HAProxy tells nobody when a check passes, and repeats one that failed after half a second. */
const AGAIN_MS = 50;
/** So much longer than a look takes is the pause after it: thousands may wait. */
const SHARE = 9;

/** Looks whether services have a backend that HAProxy counts as alive, again and again while one is waited for. */
export function watchServing(parts: ServingParts): ServingWatch {
  let expected: ReadonlySet<string> = new Set();
  let asked = new Set<string>();
  let looking = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(keys: readonly string[]): Promise<void> {
    const now = parts.current();
    if (!now) return;
    for (const key of keys) asked.add(key);
    const serving = (await servingOf(keys, now, parts.socket)).filter((key) => expected.has(key));
    expected = new Set([...expected].filter((key) => !serving.includes(key)));
    if (serving.length > 0) parts.onServing(serving);
  }

  async function follow(keys: readonly string[]): Promise<void> {
    looking = true;
    clearTimeout(timer);
    const startedAt = performance.now();
    try {
      for (let next = keys; next.length > 0; next = fresh()) await look(next);
    } catch (error) {
      parts.onFailure(error);
    }
    looking = false;
    const pause = Math.max(AGAIN_MS, SHARE * (performance.now() - startedAt));
    if (expected.size > 0) timer = setTimeout(() => void follow([...expected]), pause);
  }

  const fresh = (): readonly string[] => [...expected].filter((key) => !asked.has(key));

  return {
    expect(keys) {
      expected = new Set(keys);
      asked = new Set(keys.filter((key) => asked.has(key)));
      if (!looking && fresh().length > 0) void follow(fresh());
    },
    stop() {
      expected = new Set();
      clearTimeout(timer);
    },
  };
}

/** Those of these services that have a living backend now. */
async function servingOf(
  keys: readonly string[],
  { wanted, view }: { readonly wanted: Wanted; readonly view: View },
  socket: CommandSocket,
): Promise<readonly string[]> {
  // UDP is forwarded to nobody who is not alive.
  const forwarded = keys.filter((key) => view.forwards.has(key));
  const routes = keys.flatMap((key) => {
    const backend = view.worker.services.get(key);
    return backend === undefined || wanted.services.get(key)?.protocol !== 'TCP' ? [] : [{ key, backend }];
  });
  const backends = await observeBackends(
    socket,
    routes.map(({ backend }) => backend),
  );
  const isServed = (backend: string): boolean =>
    [...(backends.get(backend)?.servers.values() ?? [])].some(({ up, maintenance }) => up && !maintenance);
  return [...forwarded, ...routes.flatMap(({ key, backend }) => (isServed(backend) ? [key] : []))];
}
