import { nodeCommand, type Program, runProgram } from '@fairlead/testing';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { programPath } from '../processes/namespace.fixture.ts';
import { identifyProcess } from '../processes/proc.ts';
import { runOrThrow } from '../processes/run.ts';
import { until } from './machine.fixture.ts';

/** The real lbagent on a machine that lacks something, in namespaces of its own; told as plain data. */
const MAIN = join(import.meta.dirname, '..', 'main.ts');
const HOME = '/run/lb';

export interface Lack {
  /** Makes the machine bad; answers flags and what to put before the command, if any. */
  readonly spoil: () => Promise<Spoilt>;
  readonly mend: () => Promise<void>;
}

interface Spoilt {
  readonly flags?: Readonly<Record<string, string>>;
  readonly before?: readonly string[];
  /** What it was spoilt with is taken away when it is mended. */
  readonly once?: boolean;
}

export interface Refused {
  readonly code: number | null;
  /** What it says to a person, without its name. */
  readonly said: readonly string[];
  /** haproxy was started when all was mended, and not before. */
  readonly startedAfterwards: boolean;
  readonly startedBefore: boolean;
}

const sleepers: (() => Promise<unknown>)[] = [];

/** A script in the place of a program; answers the flag that says so. */
function script(name: string, body: string): Readonly<Record<string, string>> {
  mkdirSync(`${HOME}/bin`, { recursive: true });
  writeFileSync(`${HOME}/bin/${name}`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return { [`${name}-binary`]: `${HOME}/bin/${name}` };
}

/** The real program from now on. */
function real(name: string): void {
  script(name, `exec ${programPath(name)} "$@"`);
}

async function take(port: number): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  sleepers.push(() => new Promise((resolve) => server.close(resolve)));
}

async function release(): Promise<void> {
  for (const sleeper of sleepers.splice(0)) await sleeper();
}

const DIRECTORY: Readonly<Record<string, string>> = {
  'state-dir': `${HOME}/state`,
  'run-dir': `${HOME}/run`,
  'haproxy-config': `${HOME}/etc/haproxy`,
  'keepalived-config': `${HOME}/etc/keepalived`,
};

async function mount(flag: string, options: string): Promise<void> {
  mkdirSync(DIRECTORY[flag]!, { recursive: true });
  await runOrThrow(['mount', '-t', 'tmpfs', '-o', options, 'none', DIRECTORY[flag]!]);
}

async function unmount(flag: string): Promise<void> {
  await runOrThrow(['umount', DIRECTORY[flag]!]);
}

/** What nft says where the kernel has no such expression; the rest is the real one. */
const WITHOUT_TPROXY = `text=$(cat)
case $text in
  *tproxy*) echo "/dev/stdin:9:1-9: Error: Could not process rule: No such file or directory" >&2; exit 1 ;;
esac
printf '%s\\n' "$text" | exec ${programPath('nft')} "$@"`;

/** The same where it cannot send packets of IPv6 on. */
const WITHOUT_DUP_OF_IPV6 = `case $* in *-f*) ;; *) exec ${programPath('nft')} "$@" ;; esac
text=$(cat)
if printf '%s\\n' "$text" | grep -q 'ip6 fairlead .* dup to'; then
  echo "/dev/stdin:9:1-9: Error: Could not process rule: No such file or directory" >&2; exit 1
fi
printf '%s\\n' "$text" | exec ${programPath('nft')} "$@"`;

/** What ip says where the kernel has no policy routing. */
const WITHOUT_RULES = `case $* in
  *rule*) echo "RTNETLINK answers: Operation not supported" >&2; exit 2 ;;
esac
exec ${programPath('ip')} "$@"`;

const ABSENT = ['haproxy', 'keepalived', 'nft'];

export const LACKS: Readonly<Record<string, Lack>> = {
  'programs are absent': {
    spoil: async () => ({ flags: Object.fromEntries(ABSENT.map((name) => [`${name}-binary`, `${HOME}/bin/${name}`])) }),
    mend: async () => ABSENT.forEach(real),
  },
  'programs are too old, or others': {
    spoil: async () => ({
      flags: {
        ...script('haproxy', 'echo "HAProxy version 2.4.22-f8e3218 2023/02/14"'),
        ...script('keepalived', 'echo "a letter" >&2'),
      },
    }),
    mend: async () => ['haproxy', 'keepalived'].forEach(real),
  },
  'the kernel has no nftables': {
    spoil: async () => ({
      flags: script('nft', 'echo "mnl.c:60: Unable to initialize Netlink socket: Protocol not supported" >&2; exit 3'),
    }),
    mend: async () => real('nft'),
  },
  'the kernel has neither tproxy nor policy routing': {
    spoil: async () => ({ flags: { ...script('nft', WITHOUT_TPROXY), ...script('ip', WITHOUT_RULES) } }),
    mend: async () => ['nft', 'ip'].forEach(real),
  },
  'it has no rights': {
    spoil: async () => ({ before: ['setpriv', '--bounding-set=-net_admin'], once: true }),
    mend: async () => undefined,
  },
  'its ports are taken': {
    async spoil() {
      for (const port of [5000, 5001, 7431]) await take(port);
      return {};
    },
    mend: release,
  },
  'its directories are full, read-only and of somebody else': {
    async spoil() {
      await mount('state-dir', 'size=64k');
      await runOrThrow(['sh', '-c', `cat /dev/zero >${HOME}/state/fill 2>/dev/null || true`]);
      await mount('run-dir', 'ro');
      mkdirSync(DIRECTORY['keepalived-config']!, { recursive: true });
      chmodSync(DIRECTORY['keepalived-config']!, 0o500);
      return { before: ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] };
    },
    async mend() {
      rmSync(`${HOME}/state/fill`);
      await unmount('run-dir');
      chmodSync(DIRECTORY['keepalived-config']!, 0o700);
    },
  },
};

function lbagent(command: 'run' | 'check', { flags = {}, before = [] }: Spoilt): Program {
  const all = {
    name: 'lb-1',
    listen: '127.0.0.1:7430',
    'metrics-listen': '127.0.0.1:7431',
    'pki-dir': `${HOME}/pki`,
    'state-dir': `${HOME}/state`,
    'run-dir': `${HOME}/run`,
    'haproxy-config': `${HOME}/etc/haproxy/haproxy.cfg`,
    'keepalived-config': `${HOME}/etc/keepalived/keepalived.conf`,
    processes: 'child',
    ...flags,
  };
  const argv = Object.entries(all).flatMap(([flag, value]) => [`--${flag}`, value]);
  return runProgram([...before, ...nodeCommand(MAIN), command, ...argv] as unknown as [string, ...string[]]);
}

const hasStarted = (program: Program): boolean => /"event":\{"kind":"started".*"msg":"haproxy"/.test(program.output());

/** lbagent on a machine that lacks something; and when it lacks that no more. */
export async function refusal(what: string): Promise<Refused> {
  const { spoil, mend } = LACKS[what]!;
  mkdirSync(HOME, { recursive: true });
  const spoilt = await spoil();
  const refused = lbagent('run', spoilt);
  const code = await refused.ended;
  await mend();
  const well = lbagent('run', spoilt.once === true ? {} : spoilt);
  await until(`haproxy started: ${well.output()}`, () => hasStarted(well)).catch(() => undefined);
  return {
    code,
    said: refused
      .output()
      .split('\n')
      .flatMap((line) => (line.startsWith('lbagent: ') ? [line.slice(9)] : [])),
    startedBefore: hasStarted(refused),
    startedAfterwards: hasStarted(well),
  };
}

/** What `lbagent check` prints where something is amiss, and where nothing is; what it leaves behind. */
export async function check(): Promise<unknown> {
  mkdirSync(HOME, { recursive: true });
  const run = async (how: Spoilt): Promise<{ code: number | null; printed: string }> => {
    const program = lbagent('check', how);
    return { code: await program.ended, printed: program.output() };
  };
  await take(5000);
  const amiss = await run({ flags: script('haproxy', 'echo no') });
  await release();
  const well = await run({});
  const left = await runOrThrow(['sh', '-c', `ls -A ${HOME}; ip rule show priority 4614; nft list ruleset`]);
  return { amiss, well, left };
}

/** A kernel that lacks something without which lbagent serves all the same. */
export async function withoutDupOfIpv6(): Promise<unknown> {
  mkdirSync(HOME, { recursive: true });
  const flags = script('nft', WITHOUT_DUP_OF_IPV6);
  const check = lbagent('check', { flags });
  await check.ended;
  const printed = check.output().split('\n');
  const program = lbagent('run', { flags });
  await until('it goes on', () => program.output().includes('there is no certificate') && hasStarted(program));
  return { told: errorsOf(program), notOk: printed.filter((line) => line.startsWith('not ok')) };
}

function errorsOf(program: Program): readonly string[] {
  const lines = program.output().split('\n');
  const errors = lines.filter((line) => line.includes('"level":"error"'));
  return errors.map((line) => (JSON.parse(line) as { msg: string }).msg);
}

/** haproxy serves, and the next lbagent finds something amiss. */
export async function whileServing(): Promise<unknown> {
  mkdirSync(HOME, { recursive: true });
  real('haproxy');
  const flags = { 'haproxy-binary': `${HOME}/bin/haproxy` };
  const first = lbagent('run', { flags });
  await until('haproxy started', () => hasStarted(first));
  first.signal('SIGTERM');
  await first.ended;
  const record = (): { pid: number } =>
    JSON.parse(readFileSync(`${HOME}/run/haproxy.process.json`, 'utf8')) as { pid: number };
  const { pid } = record();
  const instead = lbagent('run', { flags: { 'haproxy-binary': '/nowhere/haproxy' } });
  const code = await instead.ended;
  script('haproxy', 'echo "HAProxy version 2.4.22-f8e3218 2023/02/14"');
  await take(7430);
  const second = lbagent('run', { flags });
  await until('it goes on', () => second.output().includes('there is no certificate') && hasStarted(second));
  const told = errorsOf(second);
  await release();
  return {
    instead: { code, said: instead.output() },
    told,
    adopted: /"adopted":true/.test(second.output()),
    sameMaster: record().pid === pid && identifyProcess(pid) !== undefined,
  };
}
