import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubernetes, type KubernetesOptions } from '../lab/kubernetes/start.ts';
import { type Lab, type LabOptions, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import type { Observation } from '../oracle/observation.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import type { Step } from './churn-plan.ts';

/** Pods of one are never an answer for a Service of the other. */
const APPS = ['one', 'two'];
const LASTING = Array.from({ length: 10 }, (_, index) => `lasting-${index}`);

/** A site with ten Services that live throughout, and what is done to the others. */
export interface CrashSite {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly prober: Prober;
  /** As it was when all ten were served. */
  readonly before: Observation;
  /** Addresses of the ten. */
  readonly addresses: readonly string[];
  /** As a user would: asked for, not waited for. */
  take(step: Step): Promise<void>;
}

/** Brings it up and waits until all is served. */
export async function startCrashSite(
  name: string,
  options: { readonly lab?: Partial<LabOptions>; readonly kubernetes?: KubernetesOptions } = {},
): Promise<CrashSite> {
  const lab = await startLab({
    name: `${name}-${process.pid}`,
    ...options.lab,
    kubernetes: kubernetes(options.kubernetes),
  });
  try {
    const cluster = new Cluster(lab);
    await cluster.apply(...APPS.map((app) => echoDeployment(app, 2)));
    await Promise.all(APPS.map((app) => cluster.rolledOut(app)));
    await cluster.apply(...LASTING.map(serviceOf));
    const before = await expectHolds(lab, { seconds: 60 });
    const addresses = (before.services ?? []).flatMap(({ ingress }) => ingress);
    return { lab, cluster, prober: await lab.startProber(), before, addresses, take: (step) => take(cluster, step) };
  } catch (error) {
    await lab.down();
    throw error;
  }
}

/** Takes it down; first writes what every program of it said to a file each in `logs`. */
export async function endCrashSite(site: CrashSite | undefined, logs: string | undefined): Promise<void> {
  if (site === undefined) return;
  if (logs !== undefined) {
    mkdirSync(logs, { recursive: true });
    for (const { host, name, text } of await site.lab.logs(undefined, 1 << 26)) {
      writeFileSync(join(logs, `${host}-${name.replaceAll('/', '-')}.log`), text);
    }
  }
  await site.lab.down();
}

/** Names of the Services that came and did not go, in order. */
export function churnedIn({ services }: Observation): string[] {
  const names = (services ?? []).map(({ name }) => name.replace('default/', ''));
  return names.filter((name) => name.startsWith('churn-')).sort();
}

function serviceOf(name: string): unknown {
  const number = Number(/\d+$/.exec(name)?.[0] ?? 0);
  return loadBalancerService(name, APPS[number % APPS.length]!);
}

async function take(cluster: Cluster, { create, remove }: Step): Promise<void> {
  if (remove.length > 0) {
    await cluster.kubectl(['delete', 'service', ...remove, '--wait=false', '--ignore-not-found']);
  }
  if (create.length > 0) await cluster.apply(...create.map(serviceOf));
}
