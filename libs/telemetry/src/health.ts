export interface Health {
  readonly healthy: boolean;
  /** What is wrong, each one sentence, in a stable order; empty when healthy. */
  readonly problems: readonly string[];
}

/** What health endpoints read. */
export interface HealthSource {
  current(): Health;
  /** Calls back after each change of `current()`; returns the function that ends it. */
  subscribe(changed: (health: Health) => void): () => void;
}

/** The health of a process, put together from parts that each report for themselves. */
export interface HealthBoard extends HealthSource {
  /** Says what is wrong with a part, one sentence, or undefined when it is well. */
  report(part: string, problem: string | undefined): void;
  /** What is wrong with a part; undefined when it is well. */
  problemOf(part: string): string | undefined;
}

/** A board on which the given parts have not started yet, which counts as a problem. */
export function createHealthBoard(parts: readonly string[] = []): HealthBoard {
  const problems = new Map<string, string>(parts.map((part) => [part, `${part} has not started yet`]));
  const watchers = new Set<(health: Health) => void>();
  const current = (): Health => {
    const texts = [...problems].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
    return { healthy: texts.length === 0, problems: texts };
  };
  return {
    current,
    subscribe(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    problemOf: (part) => problems.get(part),
    report(part, problem) {
      if (problems.get(part) === problem) return;
      if (problem === undefined) problems.delete(part);
      else problems.set(part, problem);
      for (const changed of Array.from(watchers)) changed(current());
    },
  };
}
