import * as flags from '@fairlead/flags';
import type { LogLevel } from '@fairlead/telemetry';

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
  readonly peersPort: number;
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
  | flags.Ended;

/** Reads the command line (without node and script). */
export function parseCommand(argv: readonly string[]): ParsedCommand {
  const nothing = 'say what to do: run, check, join, stop-serving, resume-serving or withdraw';
  let parsed: ParsedCommand = { kind: 'wrong', problems: [nothing] };
  if (argv.length === 0) return parsed;
  const lbagent = describe((command) => (parsed = command));
  return flags.parseArguments(lbagent, argv) ?? parsed;
}

function describe(asked: (command: ParsedCommand) => void) {
  const description = 'Serves the load balancers of a site on this machine, with HAProxy and keepalived.';
  const lbagent = flags.program('lbagent', description);
  const command = <Values>(
    name: string,
    help: string,
    set: flags.FlagSet<Values>,
    meaning: (values: Values) => ParsedCommand,
  ): void =>
    flags.onCommand(lbagent.command(name).description(help), set, (read) =>
      asked(read.kind === 'config' ? meaning(read.config) : read),
    );
  command('run', 'serve until told to stop; haproxy and keepalived go on without it', RUN, (given) => ({
    kind: 'run',
    config: configOf(given),
  }));
  const check = 'look whether this machine has what run needs, and say what to do; give it the flags of run';
  command('check', check, RUN, (given) => ({ kind: 'check', config: configOf(given) }));
  const join = 'enrol this machine with a join token, read from standard input';
  command('join', join, { table: { pkiDir } }, (where: { pkiDir: string }) => ({ kind: 'join', ...where }));
  const stop = 'hand the addresses over and take no new ones, until resume-serving or a reboot';
  const wait = seconds('then wait until haproxy has no connection left, but no longer than this', '0');
  command('stop-serving', stop, { table: { runDir, wait } }, (given: { runDir: string; wait: number }) => ({
    kind: 'serving',
    runDir: given.runDir,
    serve: false,
    waitSeconds: given.wait,
  }));
  command('resume-serving', 'be fit to own addresses again', { table: { runDir } }, (where: { runDir: string }) => ({
    kind: 'serving',
    ...where,
    serve: true,
    waitSeconds: 0,
  }));
  const withdraw = 'take addresses, rules and routes of lbagent out of the kernel, once nothing of it runs any more';
  command('withdraw', withdraw, { table: { stateDir, runDir } }, (where: { stateDir: string; runDir: string }) => ({
    kind: 'withdraw',
    ...where,
  }));
  return lbagent;
}

const STATE_DIR = '/var/lib/lbagent';
const RUN_DIR = '/run/lbagent';
const dir = flags.plainPath('dir');
const file = flags.plainPath('file');
const socket = flags.plainPath('socket');
const port = flags.wholeNumber('port', 1, 65_535);
const seconds = flags.wholeNumber('seconds', 0, 86_400);
const path = flags.anything('path');
const scripts = ['auto', 'keepalived', 'keepalived-unsecured', 'lbagent'] as const;

const pkiDir = dir('where certificate and key are kept', '/etc/lbagent/pki');
const stateDir = dir('as given to run', STATE_DIR);
const runDir = dir('as given to run', RUN_DIR);

interface RunFlags extends Omit<RunConfig, 'binaries' | 'haproxySocket' | 'haproxyMasterSocket'> {
  readonly haproxySocket?: string;
  readonly haproxyMasterSocket?: string;
  readonly haproxyBinary: string;
  readonly keepalivedBinary: string;
  readonly nftBinary: string;
  readonly ipBinary: string;
}

const RUN: flags.FlagSet<RunFlags> = {
  table: {
    name: flags.name('name of this machine, as in its Machine resource (default: as its certificate says)'),
    listen: flags.hostPort('where the cloudagent calls', '0.0.0.0:7430'),
    pkiDir,
    joinTokenFile: flags.anything('file')('join token to enrol with when there is no certificate yet'),
    stateDir: dir('what must survive a reboot', STATE_DIR),
    runDir: dir('sockets, pid files, logs of child processes', RUN_DIR),
    haproxyConfig: file('written by lbagent', `${STATE_DIR}/haproxy/haproxy.cfg`),
    keepalivedConfig: file('written by lbagent', `${STATE_DIR}/keepalived/keepalived.conf`),
    processes: flags.oneOf('who', ['child', 'systemd'])('who runs haproxy and keepalived: child or systemd', 'systemd'),
    unitControl: socket('where to ask for haproxy.service and keepalived.service (default: systemctl)'),
    metricsListen: flags.metricsListen(7431),
    logLevel: flags.logLevel,
    haproxySocket: socket('run-time socket (default: haproxy.sock in the run dir)'),
    haproxyMasterSocket: socket('master socket (default: haproxy-master.sock in the run dir)'),
    catchPort: port('port on loopback where caught connections enter haproxy', '5000'),
    healthPort: port('port on 127.0.0.1 where haproxy says that it lives', '5001'),
    peersPort: port('where haproxy hears from the other machines which client has which backend', '7432'),
    slots: flags.wholeNumber('number', 16, 50_000)('empty backends kept for new services', '512'),
    drainSeconds: seconds('how long a removed backend keeps its connections', '30'),
    keepalivedScripts: flags.oneOf('mode', scripts)('auto, keepalived, keepalived-unsecured or lbagent', 'auto'),
    haproxyBinary: path('haproxy', 'haproxy'),
    keepalivedBinary: path('keepalived', 'keepalived'),
    nftBinary: path('nft', 'nft'),
    ipBinary: path('ip', 'ip'),
  },
  contradictions: ({ catchPort, healthPort, peersPort }) => [
    ...(catchPort === healthPort ? [`--catch-port and --health-port are both ${catchPort}: use two ports`] : []),
    ...(catchPort === peersPort ? [`--catch-port and --peers-port are both ${catchPort}: use two ports`] : []),
    ...(healthPort === peersPort ? [`--health-port and --peers-port are both ${healthPort}: use two ports`] : []),
  ],
};

function configOf(given: RunFlags): RunConfig {
  const { haproxyBinary, keepalivedBinary, nftBinary, ipBinary, ...rest } = given;
  return {
    ...rest,
    haproxySocket: given.haproxySocket ?? `${given.runDir}/haproxy.sock`,
    haproxyMasterSocket: given.haproxyMasterSocket ?? `${given.runDir}/haproxy-master.sock`,
    binaries: { haproxy: haproxyBinary, keepalived: keepalivedBinary, nft: nftBinary, ip: ipBinary },
  };
}
