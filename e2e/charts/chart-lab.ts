import { parseAllDocuments } from 'yaml';
import { buildImages } from '../../packaging/images/build.ts';
import { kubernetes } from '../lab/kubernetes/start.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { type Assembly, joinMachine } from '../lab/site/assemble.ts';
import { Cluster } from '../tests/cluster.ts';
import { eventually } from '../tests/eventually.ts';
import { Helm, type Values } from './helm.ts';
import type { HelmMajor } from './helm-binary.ts';
import { openPodNetwork } from './pod-network.ts';
import { unpackImages } from './unpack.ts';

export const NAMESPACE = 'fairlead-system';

/** What a node gives to those who come from outside: the chart's node ports. */
const NODE_PORTS = { control: 30420, join: 30421 } as const;

/** Uid and gid that the charts give. */
const USER = '65532';

/** A lab whose Kubernetes is there and whose Fairlead is not: for helm to install. */
export class ChartLab {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly helm: Helm;
  readonly #assembly: Assembly;

  private constructor(assembly: Assembly, lab: Lab, helm: Helm) {
    this.#assembly = assembly;
    this.lab = lab;
    this.cluster = new Cluster(lab);
    this.helm = helm;
  }

  static async start(major: HelmMajor): Promise<ChartLab> {
    const images = await unpackImages(await buildImages());
    let assembly: Assembly | undefined;
    const lab = await startLab({
      name: `charts-${major}-${process.pid}`,
      nodes: 2,
      fairlead: false,
      controlPlane: false,
      kubernetes: (half, parts) => {
        assembly = parts;
        return kubernetes({ controllers: 0, images })(half, parts);
      },
    });
    let helm: Helm | undefined;
    try {
      helm = await Helm.open(major, lab.kubernetes!.kubeconfig);
      const started = new ChartLab(assembly!, lab, helm);
      await started.#prepare();
      return started;
    } catch (error) {
      helm?.close();
      await lab.down();
      throw error;
    }
  }

  async down(): Promise<void> {
    this.helm.close();
    await this.lab.down();
  }

  /** What the site's operator writes for the chart of the cloudagent. */
  cloudagentValues(): Values {
    const { site, siteFile } = this.#assembly;
    const node = site.nodes[0]!.address;
    return {
      siteName: site.name,
      advertise: { control: `${node}:${NODE_PORTS.control}`, join: `${node}:${NODE_PORTS.join}` },
      site: parseAllDocuments(siteFile).map((document) => document.toJS() as unknown),
    };
  }

  controllerValues(): Values {
    return { cluster: this.lab.site.cluster.name };
  }

  /** As `kubectl exec` in the Pod of the cloudagent does: `fairlead` as the site's superuser. */
  async fairlead(argv: readonly string[]): Promise<string> {
    return this.exec('fairlead-cloudagent-0', ['/usr/local/bin/fairlead', ...argv]);
  }

  /** Runs a program of a container's own in it, as its user. */
  async exec(pod: string, argv: readonly string[]): Promise<string> {
    const host = `pod-${NAMESPACE}-${pod}`;
    const pid = await this.pid(pod);
    return this.lab.must(host, ['nsenter', '-t', `${pid}`, '-m', '-r', '-w', '-S', USER, '-G', USER, '--', ...argv]);
  }

  /** Of the container's process, in the lab's numbering. */
  async pid(pod: string): Promise<number> {
    const host = `pod-${NAMESPACE}-${pod}`;
    const found = (await this.lab.status()).find(({ name }) => name === host)?.processes[0]?.pid;
    if (found === undefined) throw new Error(`${pod} does not run`);
    return found;
  }

  /** Every LB machine of the site, enrolled by what `fairlead` in the Pod says. */
  async joinMachines(): Promise<void> {
    const token = (name: string): Promise<string> => this.fairlead(['tokens', 'create', 'lbagent', name]);
    await Promise.all(this.lab.site.machines.map((machine) => joinMachine(this.#assembly, machine, token)));
    await eventually(async () => {
      const shown = JSON.parse(await this.fairlead(['get', 'machines', '-o', 'json'])) as {
        items: { status?: { connected?: boolean } }[];
      };
      if (!shown.items.every(({ status }) => status?.connected)) throw new Error(JSON.stringify(shown));
    }, 30);
  }

  /**
   * Makes host "client" the desk of an operator: logged in to the site, with kubectl. Returns what a command line
   * typed there says, as after `helm install` from its notes.
   */
  async openDesk(): Promise<(line: string) => Promise<string>> {
    const { name: host } = this.lab.site.client;
    const bin = `/run/lab/${host}/bin`;
    const config = `/run/lab/${host}/fairlead/config.yaml`;
    const kubeconfig = `/run/lab/${host}/kubeconfig`;
    const access = await this.lab.readFile(this.lab.site.control.name, '/etc/kubernetes/admin.kubeconfig');
    await this.lab.writeFile(host, '/kubeconfig', access, 0o600);
    const wrap = (name: string, command: string): Promise<void> =>
      this.lab.writeFile(host, `/bin/${name}`, `#!/bin/sh\nexec ${command} "$@"\n`, 0o755);
    await wrap('kubectl', `env KUBECONFIG=${kubeconfig} ${this.lab.kubernetes!.bin}/kubectl`);
    await wrap('fairlead', `env FAIRLEAD_CONFIG=${config} ${process.execPath} ${this.lab.apps.fairlead}`);
    const type = (line: string, stdin = ''): Promise<string> =>
      this.lab.must(host, ['sh', '-c', `PATH=${bin}:$PATH; ${line}`], { stdin });
    await type('fairlead login', await this.fairlead(['tokens', 'create', 'operator', 'desk', '--role', 'admin']));
    return type;
  }

  /** An object of the release's namespace. */
  async get<T>(kind: string, name: string): Promise<T> {
    return JSON.parse(await this.cluster.kubectl(['get', kind, name, '--namespace', NAMESPACE, '-o', 'json'])) as T;
  }

  /** Everything in the namespace that the cluster did not put there by itself, and cluster roles of ours; in order. */
  async leftovers(): Promise<string[]> {
    const kinds = await this.cluster.kubectl(['api-resources', '--verbs=list', '--namespaced', '-o', 'name']);
    const wanted = kinds
      .trim()
      .split('\n')
      .filter((kind) => !kind.startsWith('events'))
      .join(',');
    const namespaced = await this.cluster.kubectl(['get', wanted, '-n', NAMESPACE, '-o', 'name', '--ignore-not-found']);
    const roles = await this.cluster.kubectl(['get', 'clusterroles,clusterrolebindings', '-o', 'name']);
    const ours = roles.split('\n').filter((name) => name.includes('fairlead'));
    const own = /^(configmap\/kube-root-ca\.crt|serviceaccount\/default)$/;
    return [...namespaced.split('\n'), ...ours].filter((name) => name !== '' && !own.test(name)).sort();
  }

  /** What a cluster has and the lab's does not: a way out for Pods, and a disk for a claim. */
  async #prepare(): Promise<void> {
    const labels = {
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/warn': 'restricted',
    };
    await this.cluster.apply(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
      disk('disk-1', `${this.lab.directory}/disk-1`),
    );
    await openPodNetwork(this.lab, this.cluster);
  }
}

/** A local volume that any node reaches. */
function disk(name: string, path: string): unknown {
  const anywhere = [{ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }] }];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: anywhere } },
    },
  };
}
