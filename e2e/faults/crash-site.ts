import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubernetes, type KubernetesOptions } from '../lab/kubernetes/start.ts';
import { type Lab, type LabOptions, startLab } from '../lab/lab.ts';
import type { Prober } from '../lab/prober-client.ts';
import { expectHolds } from '../oracle/expect-holds.ts';
import type { Observation } from '../oracle/observation.ts';
import { stringify } from 'yaml';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
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
  /** As a user would: asked for, not waited for. A name that was used before is asked for until it is free. */
  take(step: Step): Promise<void>;
  /** Resolves when all that was asked for is there. */
  asked(): Promise<void>;
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
    return { lab, cluster, prober: await lab.startProber(), before, addresses, ...userOf(cluster) };
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

/** A name is free again when what had it is gone, for which somebody must live long enough to let go of its address. */
const PATIENCE_S = 600;

function userOf(cluster: Cluster): Pick<CrashSite, 'take' | 'asked'> {
  const used = new Set<string>();
  const waiting: Promise<unknown>[] = [];
  const make = (names: readonly string[]): Promise<string> =>
    names.length === 0 ? Promise.resolve('') : cluster.apply(...names.map(serviceOf));
  const makeAgain = (name: string) =>
    eventually(() => cluster.kubectl(['create', '-f', '-'], stringify(serviceOf(name))), PATIENCE_S);
  return {
    take: async ({ create, remove }) => {
      if (remove.length > 0) await cluster.kubectl(['delete', 'service', ...remove, '--wait=false']);
      const again = create.filter((name) => used.has(name)).map((name) => makeAgain(name));
      // Told by `asked`, which is called when the deaths are over.
      for (const each of again) each.catch(() => undefined);
      waiting.push(...again);
      await make(create.filter((name) => !used.has(name)));
      for (const name of create) used.add(name);
    },
    asked: async () => void (await Promise.all(waiting)),
  };
}
