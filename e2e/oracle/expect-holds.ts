import { sleep } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { judge, without } from './judge.ts';
import type { Observation } from './observation.ts';
import { observe } from './observe.ts';

const PAUSE_MS = 250;
const TOLD = 40;

export interface Patience {
  readonly seconds: number;
  /** LB machines that are cut off or without power: nothing is expected of them. */
  readonly away?: readonly string[];
  /** Told after each look what is wrong, one sentence each. */
  readonly onLook?: (wrongs: readonly string[]) => void;
}

/**
 * Looks again and again until the oracle holds, and returns what was seen then. Throws after `seconds` with all that is
 * wrong, at the last look.
 */
export async function expectHolds(lab: Lab, { seconds, away = [], onLook }: Patience): Promise<Observation> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const { sentences, observation } = await look(lab, away);
    onLook?.(sentences);
    if (sentences.length === 0 && observation !== undefined) return observation;
    if (performance.now() > deadline) throw new Error(failure(seconds, sentences));
    await sleep(PAUSE_MS);
  }
}

async function look(lab: Lab, away: readonly string[]): Promise<{ sentences: string[]; observation?: Observation }> {
  try {
    const observation = await observe(lab);
    return {
      sentences: judge(without(away, observation)).map(({ rule, sentence }) => `${rule}: ${sentence}`),
      observation,
    };
  } catch (error) {
    return { sentences: [`not to be seen: ${(error as Error).message}`] };
  }
}

function failure(seconds: number, sentences: readonly string[]): string {
  const more = sentences.length > TOLD ? [`… and ${sentences.length - TOLD} more`] : [];
  return [`after ${seconds} s the oracle does not hold:`, ...sentences.slice(0, TOLD), ...more].join('\n  ');
}
