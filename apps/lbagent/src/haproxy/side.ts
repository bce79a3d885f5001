import { askWorkerInfo, isAffinityTable, openCommandSocket, peersHaveLearnt, reloadHaproxy } from '@fairlead/haproxy';
import { rename, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Coalesced, coalesce } from '../pace/coalesce.ts';
import { haproxyFiles, type HaproxyFiles, type HaproxySettings } from './files.ts';
import { inSlices } from '../pace/in-slices.ts';
import type { Observed } from '../plan.ts';
import { run } from '../processes/run.ts';
import type { Supervisor } from '../processes/types.ts';
import type { Urgency } from '../pace/urgency.ts';
import type { Wanted } from '../wanted/wanted.ts';
import { readIfThere, writeWholeFile } from '../state/whole-file.ts';

export interface HaproxySideOptions {
  readonly settings: HaproxySettings;
  /** Path of haproxy. */
  readonly binary: string;
  readonly supervisor: Supervisor;
  readonly urgency: Urgency;
  /** What the file should say now; undefined while nothing is known. */
  readonly current: () => { readonly wanted: Wanted; readonly worker: Observed['worker'] } | undefined;
  readonly onWritten: () => void;
  readonly onFileError: (error: unknown) => void;
  /** Why haproxy cannot run, one sentence with what to do; undefined: no reason is known. */
  readonly whyNotRunning: () => Promise<string | undefined>;
}

/** haproxy as a process and as files. */
export interface HaproxySide {
  /** Writes what `current` says to haproxy.cfg and the map, soon. Never loads it. */
  rewrite(): void;
  /** Looks whether the files are as they were written, has them written again if not, and says which were changed. */
  verify(): Promise<readonly string[]>;
  /** Resolves when nothing is left to write. */
  written(): Promise<void>;
  /** Starts haproxy, or takes over the one that runs. Resolves when it answers; throws when it does not in time. */
  ensureRunning(wanted: Wanted | undefined): Promise<void>;
  /**
   * Loads the file anew, without closing a connection, so that everything wanted has a named backend. Answers why it
   * could not, or undefined; after a failure it is not tried again for a while.
   */
  fold(wanted: Wanted, worker: Observed['worker']): Promise<string | undefined>;
}

const ANSWER_WITHIN_MS = 1_000;
const START_WITHIN_MS = 10_000;
const STUCK_AFTER_MS = 2_000;
const RELOAD_WITHIN_MS = 20_000;
const REWRITE_PAUSE_MS = 50;
const FOLD_AGAIN_MS = 30_000;

export function createHaproxySide(options: HaproxySideOptions): HaproxySide {
  const { settings, supervisor } = options;
  let failure: { readonly at: number; readonly why: string } | undefined;
  /** What the files looked like after the last write; undefined: a write is due. */
  let written: ReadonlyMap<string, string> | undefined;
  const write = async (files: HaproxyFiles): Promise<void> => {
    await writeFiles(files, settings);
    written = await signatures(settings);
  };
  const files: Coalesced = coalesce({
    async work() {
      const now = options.current();
      if (!now) return;
      await write(await inSlices(haproxyFiles(now.wanted, now.worker, settings), options.urgency));
      options.onWritten();
    },
    onError: options.onFileError,
    pauseMs: REWRITE_PAUSE_MS,
  });
  return {
    rewrite() {
      written = undefined;
      files.request();
    },
    async verify() {
      const before = written;
      const now = await signatures(settings);
      const changed = [...now].filter(([path, seen]) => before !== undefined && before.get(path) !== seen);
      // A write may have come in between.
      if (before !== written) return [];
      if (before === undefined || changed.length > 0) files.request();
      return changed.map(([path]) => `${path} was changed by somebody else`);
    },
    written: () => files.settled(),
    async ensureRunning(wanted) {
      if (supervisor.status().kind === 'stopped') {
        if (typeof (await askWorkerInfo(settings.statsSocket, ANSWER_WITHIN_MS)) === 'string')
          await files.alone(() => prepareFiles(wanted, settings));
        await supervisor.start();
      }
      await untilAnswers(options);
    },
    async fold(wanted, worker) {
      if (failure && performance.now() - failure.at < FOLD_AGAIN_MS) return failure.why;
      try {
        await files.alone(async () => {
          const next = await inSlices(haproxyFiles(wanted, worker, settings));
          if ([...worker.backends.keys()].some(isAffinityTable)) await untilLearnt(settings.statsSocket);
          await reload(next, { running: worker.info.marker, write }, options);
        });
        failure = undefined;
      } catch (error) {
        failure = { at: performance.now(), why: error instanceof Error ? error.message : String(error) };
      }
      return failure?.why;
    },
  };
}

async function reload(
  next: HaproxyFiles,
  { running, write }: { running: string; write: (files: HaproxyFiles) => Promise<void> },
  options: HaproxySideOptions,
): Promise<void> {
  if (next.marker === running) {
    throw new Error('haproxy has loaded its newest configuration and still lacks room: raise --slots');
  }
  await checkConfig(next, options);
  await write(next);
  await reloadHaproxy({ ...options.settings, timeoutMs: RELOAD_WITHIN_MS }, next.marker);
}

/** A worker that has not learnt what its forerunner knew takes the memory of clients with it; so long is one waited for. */
const LEARN_WITHIN_MS = 12_000;

async function untilLearnt(statsSocket: string): Promise<void> {
  const deadline = performance.now() + LEARN_WITHIN_MS;
  const socket = openCommandSocket(statsSocket, 1000);
  try {
    while (!(await peersHaveLearnt(socket)) && performance.now() < deadline) await sleep(100);
  } finally {
    socket.close();
  }
}

/** Nothing known, something on disk: better what was served before than nothing. */
async function prepareFiles(wanted: Wanted | undefined, settings: HaproxySettings): Promise<void> {
  if (!wanted && (await readIfThere(settings.configFile)) !== undefined) return;
  const nothing: Wanted = {
    services: new Map(),
    nodeChecks: new Map(),
    heldChecks: new Set(),
    vips: new Map(),
    peers: undefined,
    refused: new Map(),
  };
  await writeFiles(await inSlices(haproxyFiles(wanted ?? nothing, undefined, settings)), settings);
}

// The map first: a name in it that haproxy.cfg does not have is a closed connection, as is a missing one.
async function writeFiles(files: HaproxyFiles, { configFile, mapFile }: HaproxySettings): Promise<void> {
  await writeWholeFile(mapFile, files.map, 0o644);
  await writeWholeFile(configFile, files.config, 0o640);
}

/** Tells one state of a file from another without reading it. */
async function signatures({ configFile, mapFile }: HaproxySettings): Promise<ReadonlyMap<string, string>> {
  const seen = await Promise.all(
    [configFile, mapFile].map(async (path) => {
      const found = await stat(path).catch(() => undefined);
      return [path, found ? `${found.ino} ${found.size} ${found.mtimeMs} ${found.mode}` : 'missing'] as const;
    }),
  );
  return new Map(seen);
}

/** haproxy's own opinion, before anything that works is replaced; what it refuses stays beside it as `.failed`. */
async function checkConfig(files: HaproxyFiles, { settings, binary }: HaproxySideOptions): Promise<void> {
  const candidate = `${settings.configFile}.candidate`;
  await writeWholeFile(candidate, files.config, 0o640);
  const checked = await run([binary, '-c', '-q', '-f', candidate], { timeoutMs: RELOAD_WITHIN_MS });
  if (checked.code === 0) {
    await rm(candidate, { force: true });
    return;
  }
  await rename(candidate, `${settings.configFile}.failed`);
  throw new Error(
    `haproxy refuses its configuration (kept as ${settings.configFile}.failed): ${checked.stderr.slice(0, 500)}`,
  );
}

async function untilAnswers({ settings, supervisor, whyNotRunning }: HaproxySideOptions): Promise<void> {
  const startedAt = performance.now();
  for (;;) {
    const info = await askWorkerInfo(settings.statsSocket, ANSWER_WITHIN_MS);
    if (typeof info !== 'string') return;
    const waited = performance.now() - startedAt;
    // One that ends again and again will go on to do so.
    const isStuck = supervisor.status().kind === 'waiting' && waited > STUCK_AFTER_MS;
    const why = isStuck || waited > START_WITHIN_MS ? await whyNotRunning() : undefined;
    if (why !== undefined) throw new Error(`haproxy does not start: ${why}`);
    if (waited > START_WITHIN_MS) throw new Error(`haproxy does not answer: ${info}`);
    await sleep(20);
  }
}
