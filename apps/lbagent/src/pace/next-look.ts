import type { Known } from '../planning/unfinished.ts';

/** Times are milliseconds of a monotonic clock. */
export interface Looks {
  /** Everything was looked at. */
  readonly lookedAt: number;
  /** What is unfinished was tried. */
  readonly triedAt: number;
  /** Undefined: all must be planned again. */
  readonly known: Pick<Known, 'pending' | 'postponed'> | undefined;
  /** The stock of empty backends is low. */
  readonly low: boolean;
  readonly lookEveryMs: number;
}

/** `all`: in a pass that looks at everything. `unfinished`: in one that looks at that. `around`: beside the passes. */
export interface NextLook {
  readonly at: number;
  readonly what: 'all' | 'unfinished' | 'around';
}

/** No update for so long before the stock of empty backends is filled up. */
export const QUIET_MS = 2_000;
/** How often servers that wait for their last connection are looked at, and all after a failure. */
const PENDING_MS = 1_000;
/** The same for servers that wait for another one to come alive. */
const POSTPONED_MS = 100;

/** Counted from the last look, so that changes that follow each other closely do not put it off for ever. */
export function nextLook({ lookedAt, triedAt, known, low, lookEveryMs }: Looks, now: number): NextLook {
  const looks: NextLook[] = known
    ? [{ at: lookedAt + lookEveryMs, what: 'around' }]
    : [{ at: lookedAt + PENDING_MS, what: 'all' }];
  if (low) looks.push({ at: now + QUIET_MS, what: 'all' });
  if (known && known.postponed.size > 0) looks.push({ at: triedAt + POSTPONED_MS, what: 'unfinished' });
  else if (known && known.pending.size > 0) looks.push({ at: triedAt + PENDING_MS, what: 'unfinished' });
  return looks.reduce((first, each) => (each.at < first.at ? each : first));
}
