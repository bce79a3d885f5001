import type { Lab } from '../lab/lab.ts';
import { Cluster, echoDeployment, loadBalancerService } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';

/** What the demo serves and changes: a Service with its pods, or a static load balancer with its backends. */
export interface Workload {
  readonly noun: string;
  /** Names of the programs that should answer now. */
  backends(): Promise<string[]>;
  /** Asks for the load balancer and returns its address when that is published. */
  create(): Promise<string>;
  /** Doubles, or halves, the programs that answer; returns when that has happened. */
  scale(count: number): Promise<void>;
  remove(): Promise<void>;
  readonly counts: readonly [few: number, many: number];
}

export async function kubernetesWorkload(lab: Lab): Promise<Workload> {
  const cluster = new Cluster(lab);
  const counts = [3, 6] as const;
  await cluster.apply(echoDeployment('web', counts[0]));
  await cluster.rolledOut('web');
  return {
    noun: 'Service',
    counts,
    backends: async () => (await cluster.pods('web')).map((pod) => pod.metadata.name),
    create: async () => {
      await cluster.apply(loadBalancerService('web', 'web'));
      return cluster.address('web');
    },
    scale: async (count) => {
      await cluster.kubectl(['scale', 'deployment/web', `--replicas=${count}`]);
      await cluster.rolledOut('web');
    },
    remove: async () => void (await cluster.kubectl(['delete', 'service', 'web', '--timeout=30s'])),
  };
}

export function staticWorkload(lab: Lab): Workload {
  const counts = [2, lab.site.nodes.length] as const;
  let count: number = counts[0];
  const apply = () => {
    const backends = lab.site.nodes.slice(0, count).map(({ name, address }) => ({ name, address }));
    const document = {
      apiVersion: 'fairlead.dev/v1',
      kind: 'LoadBalancer',
      metadata: { name: 'web' },
      spec: {
        loadBalancerSet: lab.site.loadBalancerSet,
        vipPool: lab.site.vipPool.name,
        ports: [{ name: 'http', port: 80, targetPort: lab.site.echo.http, protocol: 'TCP' }],
        backends,
      },
    };
    return lab.fairlead(['apply', '-f', '-'], { stdin: JSON.stringify(document) });
  };
  return {
    noun: 'load balancer',
    counts,
    backends: () => Promise.resolve(lab.site.nodes.slice(0, count).map(({ name }) => name)),
    create: async () => {
      await apply();
      return eventually(async () => {
        const text = await lab.fairlead(['get', 'loadbalancer', 'web', '-o', 'json']);
        const { status } = JSON.parse(text) as { status?: { state?: string; addresses?: string[] } };
        if (status?.state !== 'SERVING') throw new Error(`not serving yet: ${text}`);
        return status.addresses![0]!;
      });
    },
    scale: async (wanted) => {
      count = wanted;
      await apply();
    },
    remove: async () => void (await lab.fairlead(['delete', 'loadbalancer', 'web'])),
  };
}
