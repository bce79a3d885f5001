import * as flags from '@fairlead/flags';
import type { LogLevel } from '@fairlead/telemetry';
import { hostname } from 'node:os';

export interface Config {
  /** Name of the Kubernetes cluster, as in the site's Cluster resource. */
  readonly cluster: string;
  readonly pkiDir: string;
  /** Secret of the Pod's namespace that holds the certificate instead of `pkiDir`. */
  readonly pkiSecret?: string;
  /** File with a join token, for the first start. */
  readonly joinTokenFile?: string;
  /** HOST:PORT; undefined: as the certificate's enrolment says. */
  readonly cloudagent?: string;
  /** Undefined: the service account of the pod, or $KUBECONFIG. */
  readonly kubeconfig?: string;
  /** True: Services without a class are ours too. */
  readonly defaultClass: boolean;
  readonly leaseNamespace: string;
  readonly leaseName: string;
  /** Unique among the controllers of this cluster. */
  readonly identity: string;
  readonly metricsListen: string;
  readonly logLevel: LogLevel;
  /** How many Services are worked on at once. */
  readonly workers: number;
}

const candidate = flags.such('name', 'give each controller a name of its own', (text) => text.trim() !== '');

const TABLE: flags.Table<Config> = {
  cluster: flags.needed(
    flags.name('name of this cluster, as in the Cluster resource of the site'),
    'name this cluster as the site does',
  ),
  pkiDir: flags.anything('dir')('where the certificate and its key are kept', '/etc/fairlead/pki'),
  pkiSecret: flags.anything('name')('Secret of the pod’s namespace to keep them in instead; replicas may share it'),
  joinTokenFile: flags.anything('file')('join token to enrol with when there is no certificate yet'),
  cloudagent: flags.hostPort('control port of the cloudagent (default: as the join token said)'),
  kubeconfig: flags.anything('file')(
    'how to reach the API server (default: $KUBECONFIG, or the pod’s service account)',
  ),
  defaultClass: flags.turnedOn('also serve Services that name no loadBalancerClass', 'false'),
  leaseNamespace: flags.name('namespace of the Lease that elects the leader', 'fairlead-system'),
  leaseName: flags.name('name of that Lease', 'fairlead-controller'),
  identity: candidate('who we are among the candidates', hostname()),
  metricsListen: flags.metricsListen(7440),
  logLevel: flags.logLevel,
  workers: flags.wholeNumber('number', 1, 999)('Services worked on at once', '16'),
};

/** Reads the command line (without node and script). All that is wrong is told at once. */
export function parseConfig(argv: readonly string[]): flags.Parsed<Config> {
  const description = 'Gives the LoadBalancer Services of one Kubernetes cluster their addresses.';
  return flags.parseFlags(flags.program('controller', description), { table: TABLE }, argv);
}
