import { isName } from '@fairlead/certs';
import { type LogLevel, logLevels, VERSION } from '@fairlead/telemetry';
import { Command, CommanderError } from 'commander';

export interface RunConfig {
  /** Undefined: as its certificate says. */
  readonly name?: string;
  readonly listen: string;
  readonly pkiDir: string;
  readonly joinTokenFile?: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly haproxyConfig: string;
  readonly keepalivedConfig: string;
  /** `child`: lbagent runs haproxy and keepalived itself. `systemd`: systemd does. */
  readonly processes: 'child' | 'systemd';
  /** Socket through which systemd is asked to start haproxy and keepalived; undefined: by systemctl, as root may. */
  readonly unitControl?: string;
  readonly metricsListen: string;
  readonly logLevel: LogLevel;
  readonly haproxySocket: string;
  readonly haproxyMasterSocket: string;
  readonly catchPort: number;
  readonly healthPort: number;
  readonly slots: number;
  readonly drainSeconds: number;
  readonly keepalivedScripts: 'auto' | 'keepalived' | 'keepalived-unsecured' | 'lbagent';
  readonly binaries: Binaries;
}

/** With what this machine is called, by then. */
export interface NamedConfig extends RunConfig {
  readonly name: string;
}

/** Paths, or names to be found on the PATH. */
export interface Binaries {
  readonly haproxy: string;
  readonly keepalived: string;
  readonly nft: string;
  readonly ip: string;
}

export type ParsedCommand =
  | { readonly kind: 'run' | 'check'; readonly config: RunConfig }
  | { readonly kind: 'join'; readonly pkiDir: string }
  /** `waitSeconds`: how long connections may take to end once the addresses are handed over. */
  | { readonly kind: 'serving'; readonly runDir: string; readonly serve: boolean; readonly waitSeconds: number }
  | { readonly kind: 'withdraw'; readonly stateDir: string; readonly runDir: string }
  /** Help or version was asked for and has been printed. */
  | { readonly kind: 'done' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

const PKI_DIR = '/etc/lbagent/pki';
const RUN_DIR = '/run/lbagent';
const STATE_DIR = '/var/lib/lbagent';

const NOTHING_ASKED: ParsedCommand = {
  kind: 'wrong',
  problems: ['say what to do: run, check, join, stop-serving, resume-serving or withdraw'],
};

/** Reads the command line (without node and script). All that is wrong is reported at once. */
export function parseCommand(argv: readonly string[]): ParsedCommand {
  let parsed: ParsedCommand = NOTHING_ASKED;
  const program = describe((command) => {
    parsed = command;
  });
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'done' };
    if (error.code === 'commander.help') return NOTHING_ASKED;
    return { kind: 'wrong', problems: [error.message.replace(/^error: /, '')] };
  }
  return parsed;
}

function describe(parsed: (command: ParsedCommand) => void): Command {
  const program = new Command('lbagent')
    .description('Serves the load balancers of a site on this machine, with HAProxy and keepalived.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const sub = (name: string, description: string): Command =>
    program.command(name).description(description).allowExcessArguments(false).exitOverride();
  withRunOptions(sub('run', 'serve until told to stop; haproxy and keepalived go on without it')).action(
    (flags: Flags) => parsed(runCommand('run', flags)),
  );
  withRunOptions(
    sub('check', 'look whether this machine has what run needs, and say what to do; give it the flags of run'),
  ).action((flags: Flags) => parsed(runCommand('check', flags)));
  sub('join', 'enrol this machine with a join token, read from standard input')
    .option('--pki-dir <dir>', 'where certificate and key are kept', PKI_DIR)
    .action(({ pkiDir }: { pkiDir: string }) => parsed({ kind: 'join', pkiDir }));
  sub('stop-serving', 'hand the addresses over and take no new ones, until resume-serving or a reboot')
    .option('--run-dir <dir>', 'as given to run', RUN_DIR)
    .option('--wait <seconds>', 'then wait until haproxy has no connection left, but no longer than this', '0')
    .action(({ runDir, wait }: { runDir: string; wait: string }) =>
      parsed(
        isWithin(wait, 0, 86_400)
          ? { kind: 'serving', runDir, serve: false, waitSeconds: Number(wait) }
          : { kind: 'wrong', problems: [`--wait ${quote(wait)}: use a whole number from 0 to 86400`] },
      ),
    );
  sub('resume-serving', 'be fit to own addresses again')
    .option('--run-dir <dir>', 'as given to run', RUN_DIR)
    .action(({ runDir }: { runDir: string }) => parsed({ kind: 'serving', runDir, serve: true, waitSeconds: 0 }));
  sub('withdraw', 'take addresses, rules and routes of lbagent out of the kernel, once nothing of it runs any more')
    .option('--state-dir <dir>', 'as given to run', STATE_DIR)
    .option('--run-dir <dir>', 'as given to run', RUN_DIR)
    .action(({ stateDir, runDir }: { stateDir: string; runDir: string }) =>
      parsed({ kind: 'withdraw', stateDir, runDir }),
    );
  return program;
}

interface Flags extends Omit<RunConfig, 'catchPort' | 'healthPort' | 'slots' | 'drainSeconds' | 'binaries'> {
  readonly catchPort: string;
  readonly healthPort: string;
  readonly slots: string;
  readonly drainSeconds: string;
  readonly haproxyBinary: string;
  readonly keepalivedBinary: string;
  readonly nftBinary: string;
  readonly ipBinary: string;
}

function withRunOptions(command: Command): Command {
  return command
    .option('--name <name>', 'name of this machine, as in its Machine resource (default: as its certificate says)')
    .option('--listen <host:port>', 'where the cloudagent calls', '0.0.0.0:7430')
    .option('--pki-dir <dir>', 'where certificate and key are kept', PKI_DIR)
    .option('--join-token-file <file>', 'join token to enrol with when there is no certificate yet')
    .option('--state-dir <dir>', 'what must survive a reboot', STATE_DIR)
    .option('--run-dir <dir>', 'sockets, pid files, logs of child processes', RUN_DIR)
    .option('--haproxy-config <file>', 'written by lbagent', '/var/lib/lbagent/haproxy/haproxy.cfg')
    .option('--keepalived-config <file>', 'written by lbagent', '/var/lib/lbagent/keepalived/keepalived.conf')
    .option('--processes <who>', 'who runs haproxy and keepalived: child or systemd', 'systemd')
    .option('--unit-control <socket>', 'where to ask for haproxy.service and keepalived.service (default: systemctl)')
    .option('--metrics-listen <host:port>', 'where /metrics, /healthz and /readyz are served', '0.0.0.0:7431')
    .option('--log-level <level>', logLevels.join(', '), 'info')
    .option('--haproxy-socket <path>', 'run-time socket (default: haproxy.sock in the run dir)')
    .option('--haproxy-master-socket <path>', 'master socket (default: haproxy-master.sock in the run dir)')
    .option('--catch-port <port>', 'port on loopback where caught connections enter haproxy', '5000')
    .option('--health-port <port>', 'port on 127.0.0.1 where haproxy says that it lives', '5001')
    .option('--slots <number>', 'empty backends kept for new services', '512')
    .option('--drain-seconds <seconds>', 'how long a removed backend keeps its connections', '30')
    .option('--keepalived-scripts <mode>', 'auto, keepalived, keepalived-unsecured or lbagent', 'auto')
    .option('--haproxy-binary <path>', 'haproxy', 'haproxy')
    .option('--keepalived-binary <path>', 'keepalived', 'keepalived')
    .option('--nft-binary <path>', 'nft', 'nft')
    .option('--ip-binary <path>', 'ip', 'ip');
}

function runCommand(kind: 'run' | 'check', flags: Flags): ParsedCommand {
  const problems = problemsOf(flags);
  if (problems.length > 0) return { kind: 'wrong', problems };
  const { haproxyBinary, keepalivedBinary, nftBinary, ipBinary, ...rest } = flags;
  return {
    kind,
    config: {
      ...rest,
      haproxySocket: flags.haproxySocket ?? `${flags.runDir}/haproxy.sock`,
      haproxyMasterSocket: flags.haproxyMasterSocket ?? `${flags.runDir}/haproxy-master.sock`,
      catchPort: Number(flags.catchPort),
      healthPort: Number(flags.healthPort),
      slots: Number(flags.slots),
      drainSeconds: Number(flags.drainSeconds),
      binaries: { haproxy: haproxyBinary, keepalived: keepalivedBinary, nft: nftBinary, ip: ipBinary },
    },
  };
}

function problemsOf(flags: Flags): readonly string[] {
  const problems: string[] = [];
  const check = (ok: boolean, problem: string): void => void (ok || problems.push(problem));
  check(flags.name === undefined || isName(flags.name), `--name ${quote(flags.name)}: use 1-63 of a-z, 0-9 and "-"`);
  const hostPorts = { '--listen': flags.listen, '--metrics-listen': flags.metricsListen };
  for (const [flag, value] of Object.entries(hostPorts)) {
    check(isHostPort(value), `${flag} ${quote(value)}: write HOST:PORT, IPv6 in brackets`);
  }
  const paths = {
    '--pki-dir': flags.pkiDir,
    '--state-dir': flags.stateDir,
    '--run-dir': flags.runDir,
    '--haproxy-config': flags.haproxyConfig,
    '--keepalived-config': flags.keepalivedConfig,
    '--haproxy-socket': flags.haproxySocket,
    '--haproxy-master-socket': flags.haproxyMasterSocket,
    '--unit-control': flags.unitControl,
  };
  for (const [flag, value] of Object.entries(paths)) {
    check(value === undefined || isPath(value), `${flag} ${quote(value)}: use an absolute path of plain characters`);
  }
  check(oneOf(['child', 'systemd'], flags.processes), `--processes ${quote(flags.processes)}: use child or systemd`);
  const modes = ['auto', 'keepalived', 'keepalived-unsecured', 'lbagent'];
  const scripts = flags.keepalivedScripts;
  check(oneOf(modes, scripts), `--keepalived-scripts ${quote(scripts)}: use one of ${modes.join(', ')}`);
  check(oneOf(logLevels, flags.logLevel), `--log-level ${quote(flags.logLevel)}: use one of ${logLevels.join(', ')}`);
  const numbers = [
    ['--catch-port', flags.catchPort, 1, 65_535],
    ['--health-port', flags.healthPort, 1, 65_535],
    ['--slots', flags.slots, 16, 50_000],
    ['--drain-seconds', flags.drainSeconds, 0, 86_400],
  ] as const;
  for (const [flag, value, least, most] of numbers) {
    check(isWithin(value, least, most), `${flag} ${quote(value)}: use a whole number from ${least} to ${most}`);
  }
  check(
    flags.catchPort !== flags.healthPort,
    `--catch-port and --health-port are both ${flags.catchPort}: use two ports`,
  );
  return problems;
}

function isWithin(text: string, least: number, most: number): boolean {
  return /^\d{1,6}$/.test(text) && Number(text) >= least && Number(text) <= most;
}

function isHostPort(value: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[1]) <= 65_535;
}

function isPath(value: string): boolean {
  return /^\/[A-Za-z0-9._\-/]+$/.test(value);
}

function oneOf(allowed: readonly string[], value: string): boolean {
  return allowed.includes(value);
}

function quote(value: string | undefined): string {
  return JSON.stringify((value ?? '').slice(0, 64));
}
