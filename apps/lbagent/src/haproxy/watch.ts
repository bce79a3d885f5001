import { openCommandSocket, readCurrentWorkerInfo, type WorkerInfo } from '@fairlead/haproxy';

export type HaproxyLife =
  | { readonly kind: 'answers'; readonly info: WorkerInfo }
  /** Dead, hung, or not started yet; `why` is one sentence. */
  | { readonly kind: 'silent'; readonly why: string };

export interface HaproxyWatch {
  /** Looks at once instead of at the next turn. */
  look(): void;
  stop(): void;
}

export interface WatchSettings {
  readonly statsSocket: string;
  readonly everyMs: number;
  /** A worker that does not answer within this is hung. */
  readonly timeoutMs: number;
}

/** Asks haproxy again and again whether it lives, on a connection of its own, and tells every answer. */
export function watchHaproxy(settings: WatchSettings, listener: (life: HaproxyLife) => void): HaproxyWatch {
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  let stopped = false;
  const socket = openCommandSocket(settings.statsSocket, settings.timeoutMs);
  const look = async (): Promise<void> => {
    if (looking || stopped) return;
    looking = true;
    clearTimeout(timer);
    const life = await askTwice();
    looking = false;
    if (stopped) return;
    timer = setTimeout(() => void look(), settings.everyMs);
    listener(life);
  };
  /** The connection ends when a reload puts a new worker in place: then the second one is to that. */
  const askTwice = async (): Promise<HaproxyLife> => {
    const startedAt = performance.now();
    const first = await ask();
    return first.kind === 'answers' || performance.now() - startedAt >= settings.timeoutMs ? first : ask();
  };
  const ask = async (): Promise<HaproxyLife> => {
    try {
      return { kind: 'answers', info: await readCurrentWorkerInfo(socket) };
    } catch (error) {
      return { kind: 'silent', why: error instanceof Error ? error.message : String(error) };
    }
  };
  void look();
  return {
    look: () => void look(),
    stop() {
      stopped = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}
