import { Gauge, Histogram, type Registry } from '@fairlead/telemetry';
import { waitersOf } from './decisions/serve-waiters.ts';
import { lagOf } from './machine-link.ts';
import { poolUsage } from './pool-usage.ts';
import type { Fleet } from './push.ts';
import type { LoadBalancerState } from './status.ts';
import type { StatusBoard } from './status-board.ts';
import type { TruthKeeper } from './truth-keeper.ts';
import { versionOf } from './truth.ts';

export interface MetricSources {
  readonly keeper: TruthKeeper;
  readonly fleet: Pick<Fleet, 'view' | 'problemOf'>;
  readonly board: Pick<StatusBoard, 'all'>;
  readonly watching: () => ReadonlySet<string>;
  /** When our own certificate ends; milliseconds since 1970. */
  readonly certificateEnds: () => number;
  readonly now: () => number;
}

const STATES: readonly LoadBalancerState[] = ['PENDING', 'SERVING', 'REFUSED'];

/** Duration of store commits; made before everything else, because the truth is loaded first. */
export function commitHistogram(registry: Registry): Histogram {
  return new Histogram({
    name: 'fairlead_store_commit_seconds',
    help: 'Time to make a change durable.',
    buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1],
    registers: [registry],
  });
}

/** What an operator watches; read when it is scraped. */
export function registerMetrics(registry: Registry, sources: MetricSources): void {
  registerLoadBalancers(registry, sources);
  registerPools(registry, sources);
  registerMachines(registry, sources);
  registerControllers(registry, sources);
  const { keeper, certificateEnds, now } = sources;
  collected(registry, { name: 'fairlead_epoch', help: 'Which life of the cloudagent this is.' }, (gauge) =>
    gauge.set(keeper.truth.counters.epoch),
  );
  collected(registry, { name: 'fairlead_generation', help: 'Changes that machines must hear of.' }, (gauge) =>
    gauge.set(keeper.truth.counters.generation),
  );
  const certificate = { name: 'fairlead_certificate_seconds_left', help: 'Until our own certificate ends.' };
  collected(registry, certificate, (gauge) => gauge.set((certificateEnds() - now()) / 1_000));
}

function registerLoadBalancers(registry: Registry, { board, keeper }: MetricSources): void {
  const states = { name: 'fairlead_load_balancers', help: 'Load balancers by state.', labelNames: ['state'] };
  collected(registry, states, (gauge) => {
    for (const state of STATES) gauge.set({ state }, 0);
    for (const { state } of board.all()) gauge.inc({ state });
  });
  const waiting = { name: 'fairlead_load_balancers_waiting', help: 'Load balancers that wait for an address.' };
  collected(registry, waiting, (gauge) => gauge.set(waitersOf(keeper.truth).length));
}

function registerPools(registry: Registry, { keeper, now }: MetricSources): void {
  for (const what of ['free', 'held', 'quarantined', 'reserved'] as const) {
    const config = {
      name: `fairlead_pool_${what}`,
      help: `Addresses of the pool that are ${what}.`,
      labelNames: ['pool'],
    };
    collected(registry, config, (gauge) => {
      for (const usage of poolUsage(keeper.truth, now())) gauge.set({ pool: usage.name }, Number(usage[what]));
    });
  }
}

function registerMachines(registry: Registry, { keeper, fleet }: MetricSources): void {
  const perMachine = (name: string, help: string, value: (machine: string) => number) =>
    collected(registry, { name, help, labelNames: ['machine', 'set'] }, (gauge) => {
      for (const machine of keeper.truth.site.machines.values()) {
        gauge.set({ machine: machine.name, set: machine.spec.loadBalancerSet }, value(machine.name));
      }
    });
  perMachine('fairlead_machine_connected', '1 when the machine hears us.', (name) =>
    Number(fleet.view(name).connected),
  );
  perMachine('fairlead_machine_lag_generations', 'Changes that the machine has not applied yet.', (name) =>
    lagOf(fleet.view(name), versionOf(keeper.truth)),
  );
  perMachine('fairlead_machine_instances_owned', 'VRRP instances that the machine says it owns.', (name) => {
    const { connected, report } = fleet.view(name);
    return connected ? (report?.ownedInstances.length ?? 0) : 0;
  });
  perMachine('fairlead_machine_refused', 'Load balancers that the machine does not serve.', (name) => {
    return fleet.view(name).report?.refused.length ?? 0;
  });
  perMachine('fairlead_machine_clock_skew_seconds', "The machine's clock less ours, at its last report.", (name) => {
    return (fleet.view(name).clockSkewMs ?? 0) / 1_000;
  });
}

function registerControllers(registry: Registry, { keeper, watching }: MetricSources): void {
  const perCluster = (name: string, help: string, value: (cluster: string) => number) =>
    collected(registry, { name, help, labelNames: ['cluster'] }, (gauge) => {
      for (const cluster of keeper.truth.site.clusters.keys()) gauge.set({ cluster }, value(cluster));
    });
  perCluster('fairlead_controller_session', 'Number of the session that leads.', (cluster) => {
    return keeper.truth.sessions.get(cluster)?.number ?? 0;
  });
  perCluster('fairlead_controller_watching', '1 when a controller of the cluster listens.', (cluster) =>
    Number(watching().has(cluster)),
  );
}

function collected<Label extends string>(
  registry: Registry,
  { name, help, labelNames = [] }: { readonly name: string; readonly help: string; readonly labelNames?: Label[] },
  collect: (gauge: Gauge<Label>) => void,
): void {
  const gauge: Gauge<Label> = new Gauge<Label>({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      // What is not set anew is gone: a pool or a machine that was removed.
      this.reset();
      collect(this);
    },
  });
  registry.registerMetric(gauge);
}
