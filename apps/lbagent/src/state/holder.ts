import { coalesce } from '../pace/coalesce.ts';
import { type Judged, NOTHING_JUDGED } from '../node-checks/judgement.ts';
import type { Cause, Reconciler } from '../reconcile.ts';
import { type Acceptance, type Held } from './state.ts';
import { type Remembered, writeStateFile } from './state-file.ts';
import type { Urgency } from '../pace/urgency.ts';

export interface HolderParts {
  readonly reconciler: Reconciler;
  readonly stateFile: string;
  readonly urgency: Urgency;
  /** What the state file said at start. */
  readonly remembered: Remembered | undefined;
  readonly onWritten: () => void;
  readonly onFileError: (error: unknown) => void;
}

/** Keeps the newest desired state: in memory for the loop, on disk for the next start. */
export interface Holder {
  held(): Held | undefined;
  /** Takes what `accept` makes of the state held now, or answers why it is not taken. */
  offer(accept: (held: Held | undefined) => Acceptance, cause: Cause): 'OLDER_VERSION' | 'WRONG_BASE' | undefined;
  /**
   * How nodes are asked, and where what they answer is not believed. Remembered: another way after a restart would
   * exchange every server, and checks believed again that still fail would close connections.
   */
  useNodeChecks(judged: Judged): void;
  /** Resolves when all is on disk. */
  written(): Promise<void>;
}

const WRITE_PAUSE_MS = 50;
/** A full disk may have room again. */
const WRITE_AGAIN_MS = 5_000;

export function createHolder(parts: HolderParts): Holder {
  let held = parts.remembered?.held;
  let judged = parts.remembered?.judged ?? NOTHING_JUDGED;
  const file = coalesce({
    work: async () => {
      if (!held) return;
      await writeStateFile(parts.stateFile, { held, judged }, parts.urgency);
      parts.onWritten();
    },
    onError(error) {
      parts.onFileError(error);
      setTimeout(() => file.request(), WRITE_AGAIN_MS).unref();
    },
    pauseMs: WRITE_PAUSE_MS,
  });
  parts.reconciler.useNodeChecks(judged);
  if (held) parts.reconciler.hold(held);
  return {
    held: () => held,
    offer(accept, cause) {
      const acceptance = accept(held);
      if ('rejected' in acceptance) return acceptance.rejected;
      if (acceptance.held !== held) file.request();
      held = acceptance.held;
      parts.reconciler.hold(held, cause);
      return undefined;
    },
    useNodeChecks(next) {
      judged = next;
      file.request();
      parts.reconciler.useNodeChecks(next);
    },
    written: () => file.settled(),
  };
}
