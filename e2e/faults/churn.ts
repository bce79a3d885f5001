import { CoreV1Api, KubeConfig, type V1Service } from '@kubernetes/client-node';
import { sleep } from '../lab/command.ts';
import type { Lab } from '../lab/lab.ts';
import { loadBalancerService } from '../tests/cluster.ts';

export interface ChurnOptions {
  /** Label of the Pods behind them. */
  readonly app: string;
  /** How many live at a time; 10 unless given. */
  readonly living?: number;
  /** Between two changes; 200 unless given. */
  readonly everyMs?: number;
}

export interface ChurnReport {
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  /** Calls that the API server refused or did not answer; each was made again. */
  readonly failed: number;
  /** Addresses that two living Services had at the same time, with their names. */
  readonly duplicates: readonly string[];
}

/** Services that come, change and go, as users would have it who do not care what else goes on. */
export interface Churn {
  /** Makes no more changes; what lives stays. */
  stop(): Promise<ChurnReport>;
}

const NAMESPACE = 'default';
let starts = 0;

/** Begins at once. Each churn has names of its own. */
export function startChurn(lab: Lab, { app, living = 10, everyMs = 200 }: ChurnOptions): Churn {
  const api = connect(lab);
  const prefix = `churn-${++starts}`;
  const names: string[] = [];
  const count = { created: 0, changed: 0, deleted: 0, failed: 0 };
  const duplicates = new Set<string>();
  const stopping = new AbortController();
  const { signal } = stopping;

  const insist = async (call: () => Promise<unknown>, done: number): Promise<void> => {
    while (!signal.aborted) {
      try {
        await call();
        return;
      } catch (error) {
        // An earlier try may have been heard, though its answer was lost.
        if (codeOf(error) === done) return;
        count.failed += 1;
        await sleep(everyMs);
      }
    }
  };
  const create = async (): Promise<void> => {
    const name = `${prefix}-${count.created}`;
    const body = loadBalancerService(name, app) as V1Service;
    names.push(name);
    count.created += 1;
    await insist(() => api.createNamespacedService({ namespace: NAMESPACE, body }), 409);
  };
  const remove = async (): Promise<void> => {
    const name = names.shift()!;
    count.deleted += 1;
    await insist(() => api.deleteNamespacedService({ namespace: NAMESPACE, name }), 404);
  };
  const change = async (): Promise<void> => {
    const name = names.at(-1)!;
    count.changed += 1;
    await insist(async () => {
      const service = await api.readNamespacedService({ namespace: NAMESPACE, name });
      for (const port of service.spec?.ports ?? []) port.port = port.port === 80 ? 8080 : 80;
      await api.replaceNamespacedService({ namespace: NAMESPACE, name, body: service });
    }, 404);
  };
  const churn = async (): Promise<void> => {
    for (let step = 0; !signal.aborted; step += 1) {
      await create();
      if (step % 3 === 2) await change();
      if (names.length > living) await remove();
      await sleep(everyMs);
    }
  };
  const compare = async (): Promise<void> => {
    while (!signal.aborted) {
      const { items } = await api.listNamespacedService({ namespace: NAMESPACE }).catch(() => ({ items: [] }));
      for (const each of sharedAddresses(items)) duplicates.add(each);
      await sleep(2 * everyMs);
    }
  };
  const running = Promise.all([churn(), compare()]);
  return {
    stop: async () => {
      stopping.abort();
      await running;
      return { ...count, duplicates: [...duplicates] };
    },
  };
}

function connect(lab: Lab): CoreV1Api {
  if (!lab.kubernetes) throw new Error(`lab ${lab.name} has no Kubernetes`);
  const config = new KubeConfig();
  config.loadFromFile(lab.kubernetes.kubeconfig);
  return config.makeApiClient(CoreV1Api);
}

function codeOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? error.code
    : undefined;
}

/** Of Services that are not being deleted: what is freed may be given on before the old one's last trace is gone. */
function sharedAddresses(services: readonly V1Service[]): string[] {
  const holders = new Map<string, string[]>();
  for (const { metadata, status } of services) {
    if (metadata?.deletionTimestamp !== undefined) continue;
    for (const { ip } of status?.loadBalancer?.ingress ?? []) {
      if (ip !== undefined) holders.set(ip, [...(holders.get(ip) ?? []), metadata?.name ?? '']);
    }
  }
  return [...holders].filter(([, names]) => names.length > 1).map(([ip, names]) => `${ip}: ${names.sort().join(', ')}`);
}
