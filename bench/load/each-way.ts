import { type Figure, inTurns } from '../scenario.ts';
import type { Way } from './rig.ts';

/** What was measured on each way, turn by turn. */
export type EachWay<Sample> = Readonly<Record<Way, readonly Sample[]>>;

/** Of a turn: many that are short tell more of what slows the machine down now and then than a few that are long. */
export const SECONDS = 1;

/** A turn on each way, again and again, after one of each that does not count. */
export async function eachWay<Sample>(turns: number, measure: (way: Way) => Promise<Sample>): Promise<EachWay<Sample>> {
  const { ours, plain, straight } = await inTurns(turns + 1, {
    ours: () => measure('ours'),
    plain: () => measure('plain'),
    straight: () => measure('straight'),
  });
  return { ours: ours.slice(1), plain: plain.slice(1), straight: straight.slice(1) };
}

/** Two figures: against the baseline, with its goals, and against the way without a load balancer, with none. */
export function compared<Sample>(
  { plain, ...figure }: Pick<Figure, 'name' | 'unit' | 'goals'> & { readonly plain: string },
  seen: EachWay<Sample>,
  read: (sample: Sample) => number,
): readonly Figure[] {
  const turns = (way: Way) => seen[way].map((sample) => [read(sample)]);
  const { name, unit } = figure;
  return [
    { ...figure, turns: turns('ours'), baseline: { name: plain, turns: turns('plain') } },
    {
      name: `${name}, against none`,
      unit,
      turns: turns('ours'),
      baseline: { name: '*against none*: straight to the NodePort', turns: turns('straight') },
    },
  ];
}

export const PLAIN_HAPROXY = 'HAProxy by itself, `mode tcp`, bound to the address';

/** Of every scenario under load. */
export const SETTING =
  'A client, the LB machine, five nodes and everything else share the cores, so that the absolute figures say little and the ratios much. ' +
  'Through lbagent beside 1,000 other services; a turn of each way lasts a second.';
