import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, Registry, type GaugeConfiguration } from 'prom-client';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * A registry that already knows the process itself: build, start, memory (all and anonymous), event-loop delay.
 * Metrics of the parts are made with `registers: [registry]`.
 */
export function createMetrics(build: { readonly component: string; readonly version: string }): Registry {
  const registry = new Registry();
  gauge(registry, {
    name: 'fairlead_build_info',
    help: 'Which program this is; always 1.',
    labelNames: ['component', 'version'],
  }).set({ ...build }, 1);
  gauge(registry, {
    name: 'process_start_time_seconds',
    help: 'Start of the process, seconds since 1970.',
  }).set(Math.floor(Date.now() / 1000 - process.uptime()));
  registerMemory(registry);
  registerEventLoop(registry);
  return registry;
}

function gauge<Label extends string>(registry: Registry, what: GaugeConfiguration<Label>): Gauge<Label> {
  const made = new Gauge<Label>({ ...what, registers: [] });
  registry.registerMetric(made);
  return made;
}

function registerMemory(registry: Registry): void {
  gauge(registry, {
    name: 'process_resident_memory_bytes',
    help: 'Memory in RAM, clean pages of files included.',
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  gauge(registry, {
    name: 'process_anonymous_memory_bytes',
    help: 'Memory in RAM that nothing on disk could give back.',
    collect() {
      const anonymous = anonymousMemory();
      if (anonymous !== undefined) this.set(anonymous);
    },
  });
}

function registerEventLoop(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  gauge(registry, {
    name: 'fairlead_event_loop_delay_seconds',
    help: 'Longest delay of the event loop since the last scrape.',
    collect() {
      this.set(delay.max > 0 ? delay.max / 1e9 : 0);
      delay.reset();
    },
  });
}

/** Bytes, or undefined where the kernel does not tell (proc(5), RssAnon). */
function anonymousMemory(): number | undefined {
  try {
    const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
