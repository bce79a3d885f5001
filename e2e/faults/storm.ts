import { sleep } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import type { Victim } from './lives.ts';
import type { Random } from './random.ts';

/** Something that a storm kills with SIGKILL. */
export interface Target extends Victim {
  /** Client connections go through it: its death may be felt. */
  readonly isDataPlane: boolean;
  /** The lab's own, started again by `keepAlive`; else something else does that. */
  readonly isKept: boolean;
}

/** One kill: when, counted from the start of the storm, whom, and how long it stays dead. */
export interface Strike {
  readonly atMs: number;
  readonly target: Target;
  readonly downMs: number;
}

/** PURE. Strikes for so long, one each 1.2 s or so; a third of them at the data plane. */
export function planStorm(random: Random, seconds: number, targets: readonly Target[]): Strike[] {
  const strikes: Strike[] = [];
  for (let atMs = 0; ;) {
    atMs += random.between(200, 2_200);
    if (atMs >= seconds * 1_000) return strikes;
    const isDataPlane = random.next() < 1 / 3;
    const target = random.pick(targets.filter((each) => each.isDataPlane === isDataPlane));
    strikes.push({ atMs, target, downMs: random.between(0, 3_000) });
  }
}

/** A strike that hit something that lived. */
export interface Hit {
  readonly target: Target;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What lets a storm rage and puts back what it killed. */
export interface Storm {
  /** Resolves when it is over, with what it hit. */
  rage(strikes: readonly Strike[]): Promise<Hit[]>;
  /** Starts nothing again from now on. */
  stopKeeping(): Promise<void>;
}

const LOOK_EVERY_MS = 250;

/** Begins to keep alive what is to be kept, as systemd and kubelet would. */
export function startStorm(lab: Lab, targets: readonly Target[]): Storm {
  const downUntil = new Map<string, number>();
  const keeping = new AbortController();
  const keep = async (): Promise<void> => {
    const kept = targets.filter(({ isKept }) => isKept);
    while (!keeping.signal.aborted) {
      const hosts = await lab.status();
      for (const { host, name } of kept) {
        const process = hosts.find((each) => each.name === host)?.processes.find((each) => each.name === name);
        if (process?.pid !== undefined || (downUntil.get(keyOf({ host, name })) ?? 0) > performance.now()) continue;
        // It may die again before it is ready: the next look finds out.
        lab.start(host, name).catch(() => undefined);
      }
      await sleep(LOOK_EVERY_MS);
    }
  };
  const kept = keep();
  const strike = async ({ target, downMs }: Strike): Promise<Hit[]> => {
    downUntil.set(keyOf(target), performance.now() + downMs);
    const pids = await lab.kill(target.host, target.name).catch(() => []);
    return pids.length === 0 ? [] : [{ target, at: Date.now() }];
  };
  return {
    rage: async (strikes) => {
      const began = performance.now();
      const hits: Promise<Hit[]>[] = [];
      for (const each of strikes) {
        await sleep(Math.max(0, began + each.atMs - performance.now()));
        hits.push(strike(each));
      }
      return (await Promise.all(hits)).flat();
    },
    stopKeeping: async () => {
      keeping.abort();
      await kept;
    },
  };
}

function keyOf({ host, name }: Victim): string {
  return `${host}/${name}`;
}
