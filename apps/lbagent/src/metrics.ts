import { Counter, Gauge, Histogram, type Registry } from '@fairlead/telemetry';
import type { Reached } from './pass.ts';
import type { Status } from './report.ts';
import type { Held } from './state/state.ts';

export interface MetricsParts {
  readonly registry: Registry;
  readonly status: () => Status;
  readonly held: () => Held | undefined;
}

export interface Metrics {
  pass(pass: { readonly seconds: number; readonly reached: Reached }): void;
  haproxyAnswers(answers: boolean): void;
  keepalivedWell(well: boolean): void;
  oldWorkers(count: number): void;
}

/** Everything an operator may want a graph or an alert of. */
export function createMachineMetrics(parts: MetricsParts): Metrics {
  registerStatus(parts);
  const registers = [parts.registry];
  const passes = new Histogram({
    name: 'fairlead_lbagent_apply_seconds',
    help: 'Time from looking at what is wanted to having applied it.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  });
  const steps = new Counter({
    name: 'fairlead_lbagent_steps_total',
    help: 'Changes made to the data plane.',
    labelNames: ['kind'],
    registers,
  });
  const slots = new Gauge({
    name: 'fairlead_haproxy_free_slots',
    help: 'Empty backends that new services can take without a reload.',
    labelNames: ['profile'],
    registers,
  });
  const up = new Gauge({ name: 'fairlead_haproxy_up', help: '1 while haproxy answers.', registers });
  const keepalived = new Gauge({
    name: 'fairlead_keepalived_up',
    help: '1 while keepalived can have this machine own addresses, as far as that is its own affair.',
    registers,
  });
  const old = new Gauge({
    name: 'fairlead_haproxy_old_workers',
    help: 'Workers that were replaced by a reload and still have connections.',
    registers,
  });
  const connections = new Gauge({
    name: 'fairlead_haproxy_connections',
    help: 'Connections at the last look.',
    labelNames: ['kind'],
    registers,
  });
  return {
    pass({ seconds, reached }) {
      passes.observe(seconds);
      for (const step of reached.plan.steps) steps.inc({ kind: step.kind });
      for (const [profile, free] of reached.view.freeSlots) slots.set({ profile }, free.size);
      const { currentConnections, maxConnections } = reached.view.worker.info;
      connections.set({ kind: 'current' }, currentConnections);
      connections.set({ kind: 'limit' }, maxConnections);
    },
    oldWorkers: (count) => old.set(count),
    haproxyAnswers: (answers) => up.set(answers ? 1 : 0),
    keepalivedWell: (well) => keepalived.set(well ? 1 : 0),
  };
}

function registerStatus({ registry, status, held }: MetricsParts): void {
  const gauges: readonly (readonly [name: string, help: string, value: () => number])[] = [
    ['fairlead_lbagent_applied_epoch', 'Epoch of the state that is applied.', () => status().applied.epoch],
    [
      'fairlead_lbagent_applied_generation',
      'Generation of the state that is applied.',
      () => status().applied.generation,
    ],
    [
      'fairlead_lbagent_lag_generations',
      'Generations that are wanted and not applied yet.',
      () => lag(status(), held()),
    ],
    ['fairlead_lbagent_load_balancers', 'Load balancers wanted here.', () => held()?.state.loadBalancers.size ?? 0],
    ['fairlead_lbagent_refused_load_balancers', 'Load balancers that are not served.', () => status().refused.size],
    ['fairlead_lbagent_owned_instances', 'VRRP instances whose addresses are here.', () => status().owned.length],
    ['fairlead_lbagent_down_backends', 'Backends whose checks fail.', () => status().down.length],
    [
      'fairlead_lbagent_draining_backends',
      'Backends that get no new connections and still have some.',
      () => status().draining.length,
    ],
    [
      'fairlead_lbagent_draining_connections',
      'Connections that they still have.',
      () => status().draining.reduce((sum, { connections }) => sum + connections, 0),
    ],
    ['fairlead_lbagent_findings', 'Things a person should look at.', () => status().findings.length],
  ];
  for (const [name, help, value] of gauges) {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value());
        },
      }),
    );
  }
  const counters: readonly (readonly [name: string, help: string, value: () => number])[] = [
    ['fairlead_drift_repaired_total', 'Differences nobody wanted, found and repaired.', () => status().driftRepaired],
    ['fairlead_haproxy_reloads_total', 'Reloads of haproxy.', () => status().haproxyReloads],
  ];
  for (const [name, help, value] of counters) {
    registry.registerMetric(
      new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(value());
        },
      }),
    );
  }
}

function lag(status: Status, held: Held | undefined): number {
  if (!held) return 0;
  if (held.version.epoch !== status.applied.epoch) return held.version.generation;
  return held.version.generation - status.applied.generation;
}
