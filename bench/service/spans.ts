import type { Life } from './protocol.ts';

/** Moments of a Service's life. */
export type Moment = 'begunNs' | 'createdNs' | 'addressNs' | 'answerNs' | 'nodePortNs';

/** Milliseconds from one moment to the other, of each; throws when one never got that far. */
export function spans(lives: readonly Life[], from: Moment, to: Moment): number[] {
  return lives.map((life) => millisecondsBetween(momentOf(life, from), momentOf(life, to)));
}

/** From then until the last of them got that far, in milliseconds. */
export function untilLast(sinceNs: number, lives: readonly Life[], to: Moment): number {
  return millisecondsBetween(sinceNs, Math.max(...lives.map((life) => momentOf(life, to))));
}

/** How many addresses were given to more than one, each counted as often as it was too many. */
export function duplicates(lives: readonly Life[]): number {
  const addresses = lives.flatMap(({ address }) => address ?? []);
  return addresses.length - new Set(addresses).size;
}

function momentOf(life: Life, moment: Moment): number {
  const at = life[moment];
  if (at === undefined) throw new Error(`${life.name}: nothing is known of ${moment}`);
  return at;
}

function millisecondsBetween(fromNs: number, toNs: number): number {
  return (toNs - fromNs) / 1e6;
}
