import type { HealthBoard } from '@fairlead/telemetry';
import { unsettledSets } from './decisions/settle-sets.ts';
import type { Fleet } from './push.ts';
import type { TruthKeeper } from './truth/truth-keeper.ts';

export interface ProblemSources {
  readonly keeper: TruthKeeper;
  readonly fleet: Pick<Fleet, 'problemOf' | 'subscribe'>;
  readonly health: HealthBoard;
}

const machinePart = (name: string) => `machine ${name}`;

/** Keeps the health's sentences on machines and sets true. Returns how to stop. */
export function reportProblems({ keeper, fleet, health }: ProblemSources): () => void {
  const reported = new Set<string>();
  const look = (): void => {
    const now = new Map<string, string>();
    for (const name of keeper.truth.site.machines.keys()) {
      const problem = fleet.problemOf(name);
      if (problem !== undefined) now.set(machinePart(name), `machine ${name} ${verbOf(problem)}`);
    }
    for (const sentence of unsettledSets(keeper.truth)) now.set(sentence, sentence);
    for (const part of reported) if (!now.has(part)) health.report(part, undefined);
    for (const [part, sentence] of now) health.report(part, sentence);
    reported.clear();
    for (const part of now.keys()) reported.add(part);
  };
  const stops = [fleet.subscribe(look), keeper.subscribe(({ changes }) => changes.resources !== undefined && look())];
  look();
  return () => {
    for (const stop of stops) stop();
  };
}

function verbOf(problem: string): string {
  return problem.startsWith('obeys') || problem.startsWith('is not') ? problem : `is not connected: ${problem}`;
}
