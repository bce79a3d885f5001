import type { Parts } from '../e2e/lab/parts.ts';

/** Something worth measuring; `npm run bench -- NAME` runs it alone. */
export interface Scenario {
  readonly name: string;
  /** A heading: what a user wants to know. */
  readonly title: string;
  readonly run: (context: Context) => Promise<Measured>;
  /** False: left out of a quick run unless named, because another scenario goes the same way. */
  readonly quick?: false;
}

/** What a scenario is given. */
export interface Context {
  /** Only to see that the bench works: the least of everything, as little as the figures then say. */
  readonly quick: boolean;
  readonly parts: Parts;
  /** A directory of its own on a disk, gone afterwards. */
  readonly directory: string;
  readonly tell: (sentence: string) => void;
}

export interface Measured {
  /** Markdown, a paragraph or two: what was done, on what, and what the figures leave out. */
  readonly how: string;
  readonly figures: readonly Figure[];
}

/** `×`: a ratio. `count`: a number of things. */
export type Unit = 'ms' | 's' | 'MB' | 'MB/s' | '1/s' | '% of a core' | '×' | 'count';

/** Each list of a row of turns has what was measured in that turn, in the unit of the figure. */
export type Turns = readonly (readonly number[])[];

export interface Figure {
  /** Unique in its scenario, for example "machine lost, 10 VIPs". */
  readonly name: string;
  readonly unit: Unit;
  readonly turns: Turns;
  /** What a user would have otherwise, measured in turns with it in the same run. */
  readonly baseline?: { readonly name: string; readonly turns: Turns };
  /** What of a turn is compared with the baseline's turn; the median unless given. */
  readonly compared?: Statistic;
  readonly goals?: readonly Goal[];
  /** Anything but `false`: has a row in its scenario's plot for the unit. */
  readonly plotted?: false;
  /** What a reader must know; above all the cause where a goal is missed. */
  readonly note?: string;
}

export type Statistic = 'p50' | 'p99' | 'max';

/** `ratio`: the median of all turns' ratios to the baseline. A goal has `atMost` or `atLeast`. */
export interface Goal {
  readonly of: Statistic | 'ratio';
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A turn of each in order, then of each in the opposite order, and so on: no contender always comes first. */
export async function inTurns<Contenders extends Readonly<Record<string, (turn: number) => Promise<unknown>>>>(
  turns: number,
  contenders: Contenders,
): Promise<Measurements<Contenders>> {
  const entries = Object.entries(contenders);
  const measured = Object.fromEntries(entries.map(([name]) => [name, [] as unknown[]]));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [name, measure] of turn % 2 === 0 ? entries : entries.toReversed()) {
      measured[name]!.push(await measure(turn));
    }
  }
  return measured as unknown as Measurements<Contenders>;
}

/** What each turn of each contender resolved with. */
type Measurements<Contenders extends Readonly<Record<string, (turn: number) => Promise<unknown>>>> = {
  readonly [Name in keyof Contenders]: readonly Awaited<ReturnType<Contenders[Name]>>[];
};
