import type { WorkerState } from '@fairlead/haproxy';
import type { Capabilities, DownBackend, DrainingBackend, MachineReport, Refusal, Version } from '@fairlead/model';
import type { Assignment } from './planning/assign.ts';

/** What the machine knows of itself, from which a report is made. */
export interface Status {
  readonly applied: Version;
  readonly refused: ReadonlyMap<string, Refusal>;
  readonly owned: readonly string[];
  readonly driftRepaired: number;
  readonly haproxyReloads: number;
  readonly capabilities: Capabilities;
  readonly down: readonly DownBackend[];
  /** Load balancers whose backends have not answered yet, by id. */
  readonly unanswered: readonly string[];
  readonly draining: readonly DrainingBackend[];
  readonly findings: readonly string[];
  readonly applyMicros: number;
  readonly traceparent: string;
}

/** The report of a status at `now` (milliseconds since 1970). */
export function reportOf(status: Status, now: number): MachineReport {
  const { refused, owned, ...same } = status;
  return {
    ...same,
    refused: [...refused].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, refusal]) => ({ id, ...refusal })),
    ownedInstances: owned,
    clock: new Date(now).toISOString(),
  };
}

/** Whether two statuses would tell their reader the same. */
export function sameStatus(a: Status, b: Status): boolean {
  const told = ({ refused, ...rest }: Status): string => JSON.stringify([rest, [...refused]]);
  return told(a) === told(b);
}

/** A dead node is known by its checks; more of them than this say nothing new. */
const MOST_DOWN = 1000;

/** Backends whose checks fail now. */
export function downBackends(assignment: Assignment, worker: WorkerState): readonly DownBackend[] {
  const down: DownBackend[] = [];
  for (const { wanted, backend, servers } of assignment.services.values()) {
    const running = worker.backends.get(backend)?.servers;
    for (const server of servers) {
      const seen = running?.get(server.name);
      if (!seen || seen.up || seen.maintenance) continue;
      const label = wanted.servers.find((each) => each.id === server.id)?.label ?? server.name;
      down.push({ loadBalancerId: wanted.loadBalancerId, port: wanted.port, backend: label });
      if (down.length === MOST_DOWN) return down;
    }
  }
  return down;
}
