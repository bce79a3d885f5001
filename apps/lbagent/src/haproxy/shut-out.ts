import { askMaster, observeMaster, openCommandSocket, parseServiceMap, readCurrentWorkerInfo } from '@fairlead/haproxy';
import { explainFailure, type Logger } from '@fairlead/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { View } from '../planning/advance.ts';
import { type Enforced, shutOutSince } from '../planning/limits.ts';

export interface ShutOutParts {
  readonly statsSocket: string;
  readonly masterSocket: string;
  readonly mapFile: string;
  readonly log: Logger;
}

/** Ends the connections of clients who may not connect any more. */
export interface ShutOut {
  /** To be called after each pass. What it finds to do it does by itself. */
  passed(view: Pick<View, 'limits'>): void;
  /** Ends after what runs. */
  stop(): Promise<void>;
}

/** By service (`VIP|port`). */
type Unwelcome = ReadonlyMap<string, (client: string) => boolean>;

/** So long a connection that was made in the last moment may take to be known as a session. */
const AGAIN_MS = 1_000;
const ANSWER_MS = 2_000;

/**
 * The kernel drops what such clients send, but HAProxy would keep their sessions, and send on what the backends say, until
 * a time-out of hours. So whenever a limit has changed, and once after each start, sessions are looked through, those of old
 * workers too. It is done again a moment later, and again after a failure.
 */
export function createShutOut(parts: ShutOutParts): ShutOut {
  let enforced: Enforced = new Map();
  let newest: Enforced = enforced;
  let running: Promise<void> | undefined;
  const stopping = new AbortController();
  let news = new AbortController();
  // The end and the next change do not wait for it.
  const pause = async (): Promise<void> => {
    const signal = AbortSignal.any([stopping.signal, news.signal]);
    await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  };

  async function settle(): Promise<void> {
    while (!stopping.signal.aborted && newest !== enforced) {
      const target = newest;
      news = new AbortController();
      const unwelcome = shutOutSince(enforced, target);
      try {
        if (unwelcome.size > 0) {
          await endSessions(unwelcome, parts);
          await pause();
          if (stopping.signal.aborted || newest !== target) continue;
          await endSessions(unwelcome, parts);
        }
        enforced = target;
      } catch (error) {
        parts.log.warn(`connections of clients who are shut out cannot be ended yet: ${explainFailure(error)}`);
        await pause();
      }
    }
  }

  return {
    passed({ limits }) {
      if (sameLimits(newest, limits)) return;
      newest = new Map(limits);
      news.abort();
      running ??= settle().finally(() => {
        running = undefined;
      });
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function sameLimits(a: Enforced, b: Enforced): boolean {
  return a.size === b.size && [...a].every(([key, limit]) => b.get(key) === limit);
}

async function endSessions(unwelcome: Unwelcome, parts: ShutOutParts): Promise<void> {
  const { masterSocket, log } = parts;
  let ended = await endInCurrent(unwelcome, parts);
  const { oldWorkers } = await observeMaster(masterSocket, ANSWER_MS);
  for (const pid of oldWorkers) ended += await endInOld(pid, unwelcome, parts);
  if (ended > 0) log.info({ ended, services: unwelcome.size }, 'connections of clients who are shut out were ended');
}

/** By a connection of its own: its long replies must not stand before a change, and a lasting one keeps an old worker. */
async function endInCurrent(unwelcome: Unwelcome, { statsSocket, mapFile }: ShutOutParts): Promise<number> {
  const socket = openCommandSocket(statsSocket, ANSWER_MS);
  try {
    await readCurrentWorkerInfo(socket);
    const [map, sessions] = (await socket.run([`show map ${mapFile}`, 'show sess'])) as [string, string];
    const ids = sessionsOf(sessions, parseServiceMap(map).services, unwelcome);
    await socket.run(ids.map((id) => `shutdown session ${id}`));
    return ids.length;
  } finally {
    socket.close();
  }
}

async function endInOld(pid: number, unwelcome: Unwelcome, { masterSocket, mapFile }: ShutOutParts): Promise<number> {
  const ask = (command: string) => askMaster(masterSocket, `@!${pid} ${command}`, ANSWER_MS);
  const map = (await ask(`show map ${mapFile}`)).replace(/^\n+|\n+$/g, '');
  const ids = sessionsOf(await ask('show sess'), parseServiceMap(map).services, unwelcome);
  for (const id of ids) await ask(`shutdown session ${id}`);
  return ids.length;
}

/** PURE. Ids of sessions that are unwelcome at their service, from the reply to `show sess`. */
export function sessionsOf(
  reply: string,
  services: ReadonlyMap<string, string>,
  unwelcome: Unwelcome,
): readonly string[] {
  const byBackend = new Map(
    [...services].flatMap(([key, backend]) => {
      const check = unwelcome.get(key);
      return check ? [[backend, check] as const] : [];
    }),
  );
  return reply.split('\n').flatMap((line) => {
    const match = /^(0x[0-9a-f]+): proto=tcpv[46] src=(\S+):\d+ fe=\S+ be=(\S+) /.exec(line);
    return match && byBackend.get(match[3]!)?.(match[2]!) === true ? [match[1]!] : [];
  });
}
