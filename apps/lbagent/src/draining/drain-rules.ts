import type { ObservedServer } from '@fairlead/haproxy';
import type { WantedService } from '../wanted/types.ts';

/** When the connections of a server that leaves end. */
export interface DrainRules {
  /** For services that do not say it. */
  readonly seconds: number;
  /** The longest that any service asks for. */
  longestSeconds(): number;
  /** Whether some service is served there, so that connections to it may go on. */
  isServed(server: Pick<ObservedServer, 'address' | 'port'>): boolean;
}

type Services = ReadonlyMap<string, WantedService>;

/** The rules as these services make them. They are read only when somebody asks for what concerns them all. PURE. */
export function drainRules(services: Services, seconds: number): DrainRules {
  let known: { readonly longest: number; readonly targets: ReadonlySet<string> } | undefined;
  const all = (): NonNullable<typeof known> =>
    (known ??= { longest: longestOf(services, seconds), ...readTargets(services) });
  return {
    seconds,
    longestSeconds: () => all().longest,
    isServed: ({ address, port }) => all().targets.has(`${address} ${port}`),
  };
}

function longestOf(services: Services, seconds: number): number {
  let longest = -1;
  for (const { drainSeconds = seconds } of services.values()) longest = Math.max(longest, drainSeconds);
  return longest < 0 ? seconds : longest;
}

function readTargets(services: Services): { readonly targets: ReadonlySet<string> } {
  const targets = new Set<string>();
  for (const { servers } of services.values()) {
    for (const { address, port, stage } of servers) if (stage !== 'leaving') targets.add(`${address} ${port}`);
  }
  return { targets };
}
