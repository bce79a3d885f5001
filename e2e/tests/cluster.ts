import { stringify } from 'yaml';
import type { Lab } from '../lab/lab.ts';
import { eventually } from './eventually.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface Service {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly finalizers?: readonly string[];
  };
  readonly spec: {
    readonly ports: readonly { readonly port: number; readonly nodePort?: number }[];
    readonly healthCheckNodePort?: number;
    readonly ipFamilies: readonly string[];
  };
  readonly status: {
    readonly conditions?: readonly Condition[];
    readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string; readonly ipMode?: string }[] };
  };
}

export interface Event {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly involvedObject: { readonly name: string; readonly uid: string };
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
}

/** What a test does to the lab's Kubernetes, as a user would: by kubectl on the control host. */
export class Cluster {
  readonly #lab: Lab;
  readonly #command: readonly string[];

  constructor(lab: Lab) {
    if (!lab.kubernetes) throw new Error(`lab ${lab.name} has no Kubernetes`);
    this.#lab = lab;
    const host = lab.site.control.name;
    this.#command = [`${lab.kubernetes.bin}/kubectl`, `--kubeconfig=/run/lab/${host}/etc/kubernetes/admin.kubeconfig`];
  }

  /** Runs kubectl; throws unless its code is 0. Returns stdout. */
  kubectl(argv: readonly string[], stdin?: string): Promise<string> {
    const options = stdin === undefined ? {} : { stdin };
    return this.#lab.must(this.#lab.site.control.name, [...this.#command, ...argv], options);
  }

  apply(...objects: unknown[]): Promise<string> {
    return this.kubectl(['apply', '-f', '-'], objects.map((object) => stringify(object)).join('---\n'));
  }

  async service(name: string): Promise<Service> {
    return JSON.parse(await this.kubectl(['get', 'service', name, '-o', 'json'])) as Service;
  }

  async pods(app: string): Promise<Pod[]> {
    const list = await this.kubectl(['get', 'pods', '-l', `app=${app}`, '-o', 'json']);
    return (JSON.parse(list) as { items: Pod[] }).items.filter((pod) => !pod.metadata.deletionTimestamp);
  }

  /** Events about a Service, oldest first. */
  async events(name: string): Promise<Event[]> {
    const argv = ['get', 'events', '-o', 'json', '--sort-by=.lastTimestamp'];
    const list = await this.kubectl([
      ...argv,
      `--field-selector=involvedObject.kind=Service,involvedObject.name=${name}`,
    ]);
    return (JSON.parse(list) as { items: Event[] }).items;
  }

  /** The published address of a Service, as soon as there is one. */
  address(name: string, seconds = 10): Promise<string> {
    return eventually(async () => {
      const { status } = await this.service(name);
      const ip = status.loadBalancer.ingress?.[0]?.ip;
      if (ip === undefined) throw new Error(`${name} has no address: ${JSON.stringify(status.conditions)}`);
      return ip;
    }, seconds);
  }

  /** The published addresses of a Service, in their order, once there are so many. */
  addresses(name: string, count: number): Promise<string[]> {
    return eventually(async () => {
      const { status } = await this.service(name);
      const ips = (status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
      if (ips.length !== count) throw new Error(`${name} has ${ips.join(', ')}: ${JSON.stringify(status.conditions)}`);
      return ips;
    });
  }

  /** The condition of that type, when it has that status. */
  condition(name: string, type: string, status: string, seconds = 10): Promise<Condition> {
    return eventually(async () => {
      const { conditions } = (await this.service(name)).status;
      const condition = conditions?.find((each) => each.type === `fairlead.dev/${type}`);
      if (condition?.status !== status)
        throw new Error(`${name}: ${type} is not ${status}: ${JSON.stringify(conditions)}`);
      return condition;
    }, seconds);
  }

  async rolledOut(deployment: string): Promise<void> {
    await this.kubectl(['rollout', 'status', `deployment/${deployment}`, '--timeout=60s']);
  }
}

export interface ContainerPort {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol?: 'UDP';
}

/** Echo programs speak HTTP here, and say there whether they are ready. */
export const HTTP_PORT: ContainerPort = { name: 'http', containerPort: 8080 };
const ECHO_PORTS: readonly ContainerPort[] = [
  HTTP_PORT,
  { name: 'tcp-lines', containerPort: 9000 },
  { name: 'datagrams', containerPort: 9001, protocol: 'UDP' },
];

/** A Deployment of echo programs that speak HTTP on 8080, lines of TCP on 9000 and datagrams on 9001. */
export function echoDeployment(name: string, replicas: number, nodeSelector: Record<string, string> = {}): unknown {
  return deployment(name, { replicas, nodeSelector, ports: ECHO_PORTS });
}

export interface DeploymentSpec {
  readonly replicas: number;
  readonly nodeSelector: Record<string, string>;
  /** Among them HTTP_PORT. */
  readonly ports: readonly ContainerPort[];
}

/** A Deployment of echo programs that takes ten seconds to end. */
export function deployment(name: string, { replicas, nodeSelector, ports }: DeploymentSpec): unknown {
  const readinessProbe = { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 1 };
  const containers = [{ name: 'echo', image: 'echo', ports: [...ports], readinessProbe }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { nodeSelector, terminationGracePeriodSeconds: 10, containers },
      },
    },
  };
}

/** A Service of type LoadBalancer for the Deployment `app`: HTTP on port 80 unless `spec` says otherwise. */
export function loadBalancerService(name: string, app: string, spec: Record<string, unknown> = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: {
      type: 'LoadBalancer',
      selector: { app },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
      ...spec,
    },
  };
}

/** Echo programs on one node, under the same `app` for all nodes, that also hear the PROXY protocol on 9090. */
export function proxyDeployment(app: string, node: string, replicas: number): unknown {
  const name = `${app}-${node}`;
  const deployment = echoDeployment(name, replicas, { 'kubernetes.io/hostname': node }) as {
    spec: {
      selector: { matchLabels: Record<string, string> };
      template: { metadata: { labels: Record<string, string> }; spec: { containers: { ports: unknown[] }[] } };
    };
  };
  const labels = { app, on: node };
  deployment.spec.selector.matchLabels = labels;
  deployment.spec.template.metadata.labels = labels;
  deployment.spec.template.spec.containers[0]!.ports.push({ name: 'proxy-lines', containerPort: 9090 });
  return deployment;
}
