import * as flags from '@fairlead/flags';
import type { LogLevel } from '@fairlead/telemetry';

export interface Config {
  /** Site file or directory; undefined: the site is declared through the API only. */
  readonly site?: string;
  readonly siteName: string;
  readonly stateDir: string;
  readonly identityDir: string;
  /** Secret of the Pod's namespace that holds the keys; `identityDir` is then where it is mounted. */
  readonly identitySecret?: string;
  readonly listen: string;
  readonly joinListen: string;
  /** HOST:PORT that others use for the join port; undefined: the one it listens on. */
  readonly joinAddress?: string;
  /** The same for the control port. */
  readonly controlAddress?: string;
  readonly adminSocket: string;
  readonly metricsListen: string;
  readonly logLevel: LogLevel;
  /** Lifetime of every leaf certificate, milliseconds; undefined: that of its kind. */
  readonly leafLifetime?: number;
}

const TABLE: flags.Table<Config> = {
  site: flags.anything('file|dir')('YAML that declares the site; applied at start and whenever it changes'),
  siteName: flags.needed(
    flags.name('name of the site, for good: it is in every certificate'),
    'choose a name for the site and keep it',
  ),
  stateDir: flags.anything('dir')('where the store is kept; a local disk', '/var/lib/fairlead'),
  identityDir: flags.anything('dir')("where the certificate authority's keys are kept", '/etc/fairlead/identity'),
  identitySecret: flags.anything('name')('Secret of the pod’s namespace to keep them in, mounted at --identity-dir'),
  listen: flags.hostPort('control port, mutual TLS', '0.0.0.0:7420'),
  joinListen: flags.hostPort('join port, where certificates are asked for', '0.0.0.0:7421'),
  joinAddress: flags.hostPort('how others reach the join port (default: as --join-listen)'),
  controlAddress: flags.hostPort('how others reach the control port (default: as --listen)'),
  adminSocket: flags.absolutePath('unix socket on which whoever may open it is admin', '/run/fairlead/admin.sock'),
  metricsListen: flags.metricsListen(7422),
  leafLifetime: flags.duration('lifetime of all certificates, such as 24h (default: by kind)'),
  logLevel: flags.logLevel,
};

/** Reads the command line (without node and script). All that is wrong is told at once. */
export function parseConfig(argv: readonly string[]): flags.Parsed<Config> {
  const description = 'Owns the truth of a site: pools, addresses, load balancers, LB machines, certificates.';
  return flags.parseFlags(flags.program('cloudagent', description), { table: TABLE, contradictions }, argv);
}

function contradictions(given: flags.Given<Config>): string[] {
  const { listen, joinListen, metricsListen: metrics, stateDir, identityDir } = given;
  const problems: string[] = [];
  const ports = [
    ['--listen', listen],
    ['--join-listen', joinListen],
    ['--metrics-listen', metrics],
  ] as const;
  for (const [index, [name, value]] of ports.entries()) {
    if (value === undefined || value.endsWith(':0')) continue;
    const other = ports.slice(0, index).find(([, earlier]) => earlier === value);
    if (other !== undefined) problems.push(`${name} and ${other[0]} are both ${value}: give each a port of its own`);
  }
  for (const [name, value, advertise, advertised] of [
    ['--join-listen', joinListen, '--join-address', given.joinAddress],
    ['--listen', listen, '--control-address', given.controlAddress],
  ] as const) {
    if (advertised !== undefined || value === undefined || !/^(0\.0\.0\.0|\[::\]):/.test(value)) continue;
    problems.push(`${name} ${value} says where to listen, not where to be reached: add ${advertise} HOST:PORT`);
  }
  if (stateDir !== undefined && stateDir === identityDir) {
    problems.push(
      `--state-dir and --identity-dir are both ${stateDir}: losing the store must not lose the keys, so keep them apart`,
    );
  }
  return problems;
}
