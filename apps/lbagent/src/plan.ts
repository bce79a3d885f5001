import { quotaText, nodeCheckServerName, type WorkerState } from '@fairlead/haproxy';
import { type Assignment, assignToWorker } from './planning/assign.ts';
import type { DrainRules } from './draining/drain-rules.ts';
import { diffAddresses } from './links/plan.ts';
import type { LinkAddress, ObservedAddress } from './links/types.ts';
import type { CaughtPort, Limit } from './nftables/types.ts';
import { planLimits } from './planning/limits.ts';
import type { Forward, ObservedForward } from './forwarding/types.ts';
import { planForwards } from './planning/forwards.ts';
import { freeNodeChecks, planServers, waitingMoves } from './planning/servers.ts';
import { type Halves, inOrder, type Step } from './planning/step.ts';
import { nodeCheckKey, type Wanted } from './wanted/wanted.ts';

export interface Plan {
  /** In order: who may connect, additions from the address outwards, then removals in reverse. */
  readonly steps: readonly Step[];
  /** What it leads to; `unplaced` waits for a reload. */
  readonly assignment: Assignment;
  /** Backends of services that wait for a new server to come alive before an old one leaves: look again soon. */
  readonly postponed: readonly string[];
  /** What of UDP it leads to, by map key. */
  readonly forwards: ReadonlyMap<string, Forward>;
}

/** What is really there. */
export interface Observed {
  readonly worker: WorkerState;
  /** By map key (`VIP|port`). */
  readonly caught: ReadonlyMap<string, CaughtPort>;
  /** By the service's key (`VIP|port`). */
  readonly limits: ReadonlyMap<string, Limit>;
  /** What of UDP is forwarded, by map key. */
  readonly forwards: ReadonlyMap<string, ObservedForward>;
  /** By `linkAddressKey`. */
  readonly addresses: ReadonlyMap<string, ObservedAddress>;
}

export interface PlanOptions {
  /** VRRP instances whose addresses belong on this machine now. */
  readonly owned: ReadonlySet<string>;
  readonly drain: DrainRules;
}

/** The steps from what is there to what is wanted; none when they agree. Nothing depends on the order of anything. */
export function plan(wanted: Wanted, observed: Observed, options: PlanOptions): Plan {
  const { worker } = observed;
  const assignment = assignToWorker(wanted, worker);
  const addresses = planAddresses(wanted, observed, options);
  const moves = waitingMoves(assignment, worker);
  const servers = planServers({ wanted, assignment, worker, drain: options.drain, moves });
  const services = planServices(assignment, worker, moves);
  const caught = planCaught(assignment, observed);
  const limits = planLimits(wanted, observed.limits);
  const { postponed } = servers;
  const forwards = planForwards({ wanted, assignment, worker, forwards: observed.forwards, postponed });
  const steps = [
    ...limits.add,
    ...addresses.add,
    ...planNodeChecks(wanted, assignment, worker),
    ...servers.add,
    ...services.add,
    ...caught.add,
    ...forwards.add,
    ...forwards.remove,
    ...caught.remove,
    ...services.remove,
    ...limits.remove,
    // Before those that track it: one command lets no more connections in at any of them, however many they are. But
    // some that go on for a while may track a check that is no longer wanted.
    ...(assignment.unplaced.length > 0 || servers.postponed.length > 0 ? [] : freeNodeChecks(wanted, worker)),
    ...servers.remove,
    ...addresses.remove,
  ];
  return { steps, assignment, postponed, forwards: forwards.wanted };
}

function planAddresses(wanted: Wanted, observed: Observed, { owned }: PlanOptions): Halves {
  const desired = [...wanted.vips.values()].filter((vip) => owned.has(vip.vrrpInstance));
  const { add, remove } = diffAddresses(desired, { links: [], addresses: [...observed.addresses.values()] });
  return {
    add: [...add].sort(byAddress).map((address) => ({ kind: 'add-address', address })),
    remove: [...remove].sort(byAddress).map((address) => ({ kind: 'remove-address', address })),
  };
}

function planNodeChecks(wanted: Wanted, assignment: Assignment, worker: WorkerState): readonly Step[] {
  return assignment.nodeChecks.flatMap(({ check, backend, index }): Step[] => {
    const server = nodeCheckServerName(index);
    const found = worker.backends.get(backend)?.servers.get(server);
    const key = nodeCheckKey(check);
    const isHeld = wanted.heldChecks.has(key);
    const inPlace = found && !found.maintenance && found.address === check.address && found.port === check.port;
    const asked = inPlace === true && found.checked;
    const use: Step = { kind: 'use-node-check', backend, server, check };
    const hold: Step = { kind: 'hold-node-check', backend, server };
    // A check that was under way may still have had its say.
    if (isHeld) return inPlace ? (asked || !found.up ? [hold] : []) : [use, hold];
    return asked ? [] : [use];
  });
}

function planServices(assignment: Assignment, worker: WorkerState, moves: ReadonlySet<string>): Halves {
  const add = inOrder(assignment.services).flatMap(([key, { backend, wanted }]): Step[] => {
    const { quota } = wanted;
    const current = worker.services.get(key);
    const same = current === backend && worker.quotas.get(key) === (quota && quotaText(quota));
    if (same || moves.has(key)) return [];
    const kind = current === undefined ? 'add-service' : 'move-service';
    return [{ kind, key, backend, ...(quota ? { quota } : {}) }];
  });
  const kept = new Set([...assignment.services.keys(), ...assignment.unplaced]);
  const gone = inOrder(worker.services).filter(([key]) => !kept.has(key));
  return { add, remove: gone.map(([key]) => ({ kind: 'remove-service', key })) };
}

function planCaught(assignment: Assignment, { caught }: Observed): Halves {
  const add = inOrder(assignment.services).flatMap(([key, { wanted }]): Step[] =>
    caught.has(key) || wanted.protocol !== 'TCP'
      ? []
      : [{ kind: 'catch', key, caught: { address: wanted.vip, port: wanted.port } }],
  );
  const kept = new Set([...assignment.services.keys(), ...assignment.unplaced]);
  const gone = inOrder(caught).filter(([key]) => !kept.has(key));
  return { add, remove: gone.map(([key, each]) => ({ kind: 'release', key, caught: each })) };
}

function byAddress(a: LinkAddress, b: LinkAddress): number {
  return `${a.device} ${a.address}` < `${b.device} ${b.address}` ? -1 : 1;
}
