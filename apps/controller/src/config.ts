import { hostname } from 'node:os';
import { isName } from '@fairlead/certs';
import type { LogLevel } from '@fairlead/telemetry';
import { logLevels } from '@fairlead/telemetry';
import { Command, CommanderError } from 'commander';

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

export type ParsedConfig =
  | { readonly kind: 'config'; readonly config: Config }
  /** Help or version was asked for and has been printed. */
  | { readonly kind: 'done' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

/** Reads the command line (without node and script). All that is wrong is reported at once. */
export function parseConfig(argv: readonly string[]): ParsedConfig {
  const command = describeCommand();
  const problems: string[] = [];
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'done' };
    problems.push(error.message.replace(/^error: /, ''));
  }
  const options = command.opts<Flags>();
  problems.push(...contradictions(options));
  if (problems.length > 0) return { kind: 'wrong', problems };
  const { workers, logLevel, ...rest } = options;
  return { kind: 'config', config: { ...rest, workers: Number(workers), logLevel: logLevel as LogLevel } };
}

interface Flags extends Omit<Config, 'workers' | 'logLevel'> {
  readonly workers: string;
  readonly logLevel: string;
}

function describeCommand(): Command {
  return new Command('controller')
    .description('Gives the LoadBalancer Services of one Kubernetes cluster their addresses.')
    .option('--cluster <name>', 'name of this cluster, as in the Cluster resource of the site')
    .option('--pki-dir <dir>', 'where the certificate and its key are kept', '/etc/fairlead/pki')
    .option('--pki-secret <name>', 'Secret of the pod’s namespace to keep them in instead; replicas may share it')
    .option('--join-token-file <file>', 'join token to enrol with when there is no certificate yet')
    .option('--cloudagent <host:port>', 'control port of the cloudagent (default: as the join token said)')
    .option('--kubeconfig <file>', 'how to reach the API server (default: $KUBECONFIG, or the pod’s service account)')
    .option('--default-class', 'also serve Services that name no loadBalancerClass', false)
    .option('--lease-namespace <namespace>', 'namespace of the Lease that elects the leader', 'fairlead-system')
    .option('--lease-name <name>', 'name of that Lease', 'fairlead-controller')
    .option('--identity <name>', 'who we are among the candidates', hostname())
    .option('--metrics-listen <host:port>', 'where /metrics, /healthz and /readyz are served', '0.0.0.0:7440')
    .option('--log-level <level>', logLevels.join(', '), 'info')
    .option('--workers <number>', 'Services worked on at once', '16')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

function contradictions(flags: Partial<Flags>): string[] {
  const problems: string[] = [];
  const check = (ok: boolean, problem: string): void => void (ok || problems.push(problem));
  if (flags.cluster === undefined) problems.push('--cluster is missing: name this cluster as the site does');
  else check(isName(flags.cluster), `--cluster ${quote(flags.cluster)}: use 1-63 of a-z, 0-9 and "-"`);
  for (const [flag, value] of [
    ['--lease-namespace', flags.leaseNamespace],
    ['--lease-name', flags.leaseName],
  ] as const) {
    check(isName(value ?? ''), `${flag} ${quote(value)}: use 1-63 of a-z, 0-9 and "-"`);
  }
  for (const [flag, value] of [
    ['--cloudagent', flags.cloudagent],
    ['--metrics-listen', flags.metricsListen],
  ] as const) {
    check(value === undefined || isHostPort(value), `${flag} ${quote(value)}: write HOST:PORT, IPv6 in brackets`);
  }
  check((flags.identity ?? '').trim() !== '', '--identity is empty: give each controller a name of its own');
  check(
    logLevels.some((level) => level === flags.logLevel),
    `--log-level ${quote(flags.logLevel)}: use one of ${logLevels.join(', ')}`,
  );
  check(/^[1-9]\d{0,2}$/.test(flags.workers ?? ''), `--workers ${quote(flags.workers)}: use a number from 1 to 999`);
  return problems;
}

function isHostPort(value: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[1]) <= 65_535;
}

function quote(value: string | undefined): string {
  return JSON.stringify((value ?? '').slice(0, 64));
}
