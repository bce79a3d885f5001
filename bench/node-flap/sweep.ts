import { greetOnce } from '../machine/knock.ts';
import { nowNs } from '../machine/protocol.ts';

/** To a client that connects to one address after the other, again and again, once every millisecond. */
export interface SweepOrder {
  readonly addresses: readonly string[];
  readonly port: number;
  /** Of a node. */
  readonly name: string;
  /**
   * `gone`: of the connections begun in the last `quietMs`, none ended at the node, failed, or still waits.
   * `everywhere`: the node has answered at every address.
   */
  readonly until: 'gone' | 'everywhere';
  /** 1,500 unless given. */
  readonly quietMs?: number;
}

export interface SweepAnswer {
  /** `gone`: when the last connection that ended at the node, or failed, was begun. `everywhere`: when the last address had its answer. */
  readonly ns: number;
  readonly attempts: number;
  /** Refused, reset, closed without a word, or without one for three seconds. */
  readonly failed: number;
}

const PATIENCE_MS = 60_000;
const QUIET_MS = 1_500;
const EVERY_MS = 1;
/** A connection without an answer for so long may be about to fail. */
const WAITS_MS = 200;

/** Resolves when all connections are over; throws after a minute. */
export async function sweep({ addresses, port, name, until, quietMs = QUIET_MS }: SweepOrder): Promise<SweepAnswer> {
  const reached = new Map<string, number>();
  const waiting = new Set<number>();
  let attempts = 0;
  let failed = 0;
  let lastBadNs = nowNs();

  const attempt = (): void => {
    const address = addresses[attempts % addresses.length]!;
    const begunNs = nowNs();
    attempts += 1;
    waiting.add(begunNs);
    greetOnce(address, port, (greeting) => {
      waiting.delete(begunNs);
      const isNode = greeting?.startsWith(`${name} `) ?? false;
      if (greeting === undefined) failed += 1;
      if (greeting === undefined || isNode) lastBadNs = Math.max(lastBadNs, begunNs);
      if (isNode && !reached.has(address)) reached.set(address, nowNs());
    });
  };
  const isOver = (): boolean => {
    if (until === 'everywhere') return reached.size === addresses.length;
    const [oldest = Infinity] = waiting;
    const now = nowNs();
    return now - lastBadNs > quietMs * 1e6 && now - oldest < WAITS_MS * 1e6;
  };

  const deadline = performance.now() + PATIENCE_MS;
  await inIntervals(() => {
    if (isOver()) return true;
    if (performance.now() > deadline) {
      const seen = until === 'gone' ? 'still answers, or connections fail' : `answers at ${reached.size}`;
      throw new Error(`${name} ${seen}, of ${addresses.join(', ')}: ${failed} of ${attempts} failed`);
    }
    attempt();
    return false;
  });
  await inIntervals(() => waiting.size === 0);
  return { ns: until === 'gone' ? lastBadNs : Math.max(...reached.values()), attempts, failed };
}

/** Again and again until it is done. */
function inIntervals(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      try {
        if (!step()) return;
        clearInterval(timer);
        resolve();
      } catch (error) {
        clearInterval(timer);
        reject(error);
      }
    }, EVERY_MS);
  });
}
