import {
  type CertificateSource,
  Gauge,
  Histogram,
  registerCertificateMetrics,
  type Registry,
} from '@fairlead/telemetry';
import { setOf } from './truth/declared.ts';
import { waitersOf } from './decisions/serve-waiters.ts';
import { findingsOf } from './operators/findings.ts';
import { lagOf } from './machines/link.ts';
import { vrrpInstanceOf } from './plan.ts';
import { poolUsage } from './operators/pool-usage.ts';
import type { Fleet } from './push.ts';
import type { LoadBalancerState } from './status.ts';
import type { StatusBoard } from './status/board.ts';
import type { TruthKeeper } from './truth/truth-keeper.ts';
import { versionOf } from './truth/truth.ts';

export interface MetricSources {
  readonly keeper: TruthKeeper;
  readonly fleet: Pick<Fleet, 'view' | 'viewsOf'>;
  readonly board: Pick<StatusBoard, 'all'>;
  readonly watching: () => ReadonlySet<string>;
  /** False: the last attempt to store something failed. */
  readonly isStoreWritable: () => boolean;
  /** Of our own certificate; milliseconds since 1970. */
  readonly validity: CertificateSource['validity'];
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
  registerPoolKinds(registry, sources);
  registerMachines(registry, sources);
  registerControllers(registry, sources);
  const { keeper } = sources;
  registerCertificateMetrics(registry, sources);
  const writable = { name: 'fairlead_store_writable', help: '0 when changes cannot be stored, and are refused.' };
  collected(registry, writable, (gauge) => gauge.set(Number(sources.isStoreWritable())));
  collected(registry, { name: 'fairlead_epoch', help: 'Which life of the cloudagent this is.' }, (gauge) =>
    gauge.set(keeper.truth.counters.epoch),
  );
  collected(registry, { name: 'fairlead_generation', help: 'Changes that machines must hear of.' }, (gauge) =>
    gauge.set(keeper.truth.counters.generation),
  );
}

function registerLoadBalancers(registry: Registry, sources: MetricSources): void {
  const { board, keeper } = sources;
  const states = { name: 'fairlead_load_balancers', help: 'Load balancers by state.', labelNames: ['state'] };
  collected(registry, states, (gauge) => {
    for (const state of STATES) gauge.set({ state }, 0);
    for (const { state } of board.all()) gauge.inc({ state });
  });
  const unserved = {
    name: 'fairlead_load_balancer_unserved',
    help: 'Always 1: it has an address that no connected machine says it serves.',
    labelNames: ['cluster', 'namespace', 'name', 'address'],
  };
  collected(registry, unserved, (gauge) => {
    for (const labels of unservedAddresses(sources)) gauge.set(labels, 1);
  });
  const waiting = { name: 'fairlead_load_balancers_waiting', help: 'Load balancers that wait for an address.' };
  collected(registry, waiting, (gauge) =>
    gauge.set(waitersOf(keeper.truth).filter(({ refusal }) => refusal !== undefined).length),
  );
}

function unservedAddresses({ board, fleet, keeper }: MetricSources) {
  const { loadBalancers, site } = keeper.truth;
  const owned = new Set([...site.sets.keys()].filter((set) => ownersOf(set, fleet) > 0));
  return [...board.all()].flatMap(({ id, cluster, namespace, name, addresses }) => {
    const held = loadBalancers.get(id);
    const set = held && setOf(held.wish, site);
    if (held === undefined || (held.published && set !== undefined && owned.has(set))) return [];
    return addresses.map((address) => ({ cluster, namespace, name, address }));
  });
}

function ownersOf(set: string, fleet: MetricSources['fleet']): number {
  const instance = vrrpInstanceOf(set);
  return fleet.viewsOf(set).filter(({ connected, report }) => connected && report?.ownedInstances.includes(instance))
    .length;
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

function registerPoolKinds(registry: Registry, { keeper }: MetricSources): void {
  const config = {
    name: 'fairlead_pool_auto_assign',
    help: '1 when the pool gives addresses to those who do not ask for it by name.',
    labelNames: ['pool'],
  };
  collected(registry, config, (gauge) => {
    for (const { name, spec } of keeper.truth.site.vipPools.values())
      gauge.set({ pool: name }, Number(spec.autoAssign));
  });
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
  const owners = {
    name: 'fairlead_vrrp_instance_owners',
    help: 'Connected machines that say they own the addresses of the set: 1 when all is well.',
    labelNames: ['set'],
  };
  collected(registry, owners, (gauge) => {
    for (const set of keeper.truth.site.sets.keys()) gauge.set({ set }, ownersOf(set, fleet));
  });
  perMachine('fairlead_machine_instances_owned', 'VRRP instances that the machine says it owns.', (name) => {
    const { connected, report } = fleet.view(name);
    return connected ? (report?.ownedInstances.length ?? 0) : 0;
  });
  perMachine('fairlead_machine_refused', 'Load balancers that the machine does not serve.', (name) => {
    return fleet.view(name).report?.refused.length ?? 0;
  });
  perMachine('fairlead_machine_findings', 'Things about the machine that a person should act on.', (name) => {
    return findingsOf(fleet.view(name)).length;
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
