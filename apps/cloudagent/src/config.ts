import { isName } from '@fairlead/certs';
import { type LogLevel, logLevels, VERSION } from '@fairlead/telemetry';
import { Command, CommanderError } from 'commander';

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
  readonly leafLifetimeMs?: number;
}

export type ParsedConfig =
  | { readonly kind: 'config'; readonly config: Config }
  /** Help or version was asked for and has been printed. */
  | { readonly kind: 'done' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

interface Flags extends Omit<Config, 'leafLifetimeMs' | 'logLevel'> {
  readonly leafLifetime?: string;
  readonly logLevel: string;
}

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
  const flags = command.opts<Flags>();
  problems.push(...contradictions(flags));
  if (problems.length > 0) return { kind: 'wrong', problems };
  const { leafLifetime, logLevel, ...rest } = flags;
  const leafLifetimeMs = leafLifetime === undefined ? undefined : durationOf(leafLifetime);
  const config = { ...rest, logLevel: logLevel as LogLevel };
  return { kind: 'config', config: leafLifetimeMs === undefined ? config : { ...config, leafLifetimeMs } };
}

function describeCommand(): Command {
  return new Command('cloudagent')
    .description('Owns the truth of a site: pools, addresses, load balancers, LB machines, certificates.')
    .version(VERSION)
    .option('--site <file|dir>', 'YAML that declares the site; applied at start and whenever it changes')
    .option('--site-name <name>', 'name of the site, for good: it is in every certificate')
    .option('--state-dir <dir>', 'where the store is kept; a local disk', '/var/lib/fairlead')
    .option('--identity-dir <dir>', "where the certificate authority's keys are kept", '/etc/fairlead/identity')
    .option('--identity-secret <name>', 'Secret of the pod’s namespace to keep them in, mounted at --identity-dir')
    .option('--listen <host:port>', 'control port, mutual TLS', '0.0.0.0:7420')
    .option('--join-listen <host:port>', 'join port, where certificates are asked for', '0.0.0.0:7421')
    .option('--join-address <host:port>', 'how others reach the join port (default: as --join-listen)')
    .option('--control-address <host:port>', 'how others reach the control port (default: as --listen)')
    .option('--admin-socket <path>', 'unix socket on which whoever may open it is admin', '/run/fairlead/admin.sock')
    .option('--metrics-listen <host:port>', 'where /metrics, /healthz and /readyz are served', '0.0.0.0:7422')
    .option('--leaf-lifetime <duration>', 'lifetime of all certificates, such as 24h (default: by kind)')
    .option('--log-level <level>', logLevels.join(', '), 'info')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

function contradictions(flags: Flags): string[] {
  const problems: string[] = [];
  const check = (ok: boolean, problem: string): void => void (ok || problems.push(problem));
  if (flags.siteName === undefined) problems.push('--site-name is missing: choose a name for the site and keep it');
  else check(isName(flags.siteName), `--site-name ${quote(flags.siteName)}: use 1-63 of a-z, 0-9 and "-"`);
  for (const [flag, value] of addressFlags(flags)) {
    check(value === undefined || isHostPort(value), `${flag} ${quote(value)}: write HOST:PORT, IPv6 in brackets`);
  }
  check(flags.adminSocket.startsWith('/'), `--admin-socket ${quote(flags.adminSocket)}: write an absolute path`);
  check(
    logLevels.some((level) => level === flags.logLevel),
    `--log-level ${quote(flags.logLevel)}: use one of ${logLevels.join(', ')}`,
  );
  const { leafLifetime } = flags;
  const lifetimeMs = leafLifetime === undefined ? undefined : durationOf(leafLifetime);
  check(
    leafLifetime === undefined || lifetimeMs !== undefined,
    `--leaf-lifetime ${quote(leafLifetime)}: write for example 90s, 30m, 24h or 30d`,
  );
  return [...problems, ...clashes(flags)];
}

function addressFlags(flags: Flags): (readonly [string, string | undefined])[] {
  return [
    ['--listen', flags.listen],
    ['--join-listen', flags.joinListen],
    ['--join-address', flags.joinAddress],
    ['--control-address', flags.controlAddress],
    ['--metrics-listen', flags.metricsListen],
  ];
}

function clashes(flags: Flags): string[] {
  const problems: string[] = [];
  const ports = [
    ['--listen', flags.listen],
    ['--join-listen', flags.joinListen],
    ['--metrics-listen', flags.metricsListen],
  ] as const;
  for (const [index, [flag, value]] of ports.entries()) {
    const other = ports.slice(0, index).find(([, earlier]) => earlier === value && !value.endsWith(':0'));
    if (other !== undefined) problems.push(`${flag} and ${other[0]} are both ${value}: give each a port of its own`);
  }
  for (const [listen, value, flag, advertised] of [
    ['--join-listen', flags.joinListen, '--join-address', flags.joinAddress],
    ['--listen', flags.listen, '--control-address', flags.controlAddress],
  ] as const) {
    if (advertised !== undefined || !/^(0\.0\.0\.0|\[::\]):/.test(value)) continue;
    problems.push(`${listen} ${value} says where to listen, not where to be reached: add ${flag} HOST:PORT`);
  }
  if (flags.stateDir === flags.identityDir) {
    problems.push(
      `--state-dir and --identity-dir are both ${flags.stateDir}: losing the store must not lose the keys, so keep them apart`,
    );
  }
  return problems;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `30m`, `24h`, `30d`; undefined for anything else. */
function durationOf(text: string): number | undefined {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * UNITS[match[2]!]!;
}

function isHostPort(value: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[1]) <= 65_535;
}

function quote(value: string | undefined): string {
  return JSON.stringify((value ?? '').slice(0, 64));
}
