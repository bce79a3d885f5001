import { factsOfMaterial, readEnrolment } from '@fairlead/certs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { formatEndpoint } from '@fairlead/model';
import type { RunConfig } from '../config.ts';
import { kernelSettingsOf } from '../parts.ts';
import type { MachinePrograms } from '../programs.ts';
import { rulesetOf } from '../kernel-side.ts';
import { kernelFamilies } from '../links/families.ts';
import { isAlive } from '../processes/proc.ts';
import { readRecord } from '../processes/record.ts';
import { whyNotWritable } from './directory.ts';
import { tryKernel } from './kernel.ts';
import { whyNotFree, whyTaken } from './port.ts';
import type { Facts, ProgramSeen, Tried } from './preflight.ts';

export interface LookInput {
  readonly config: RunConfig;
  readonly programs: MachinePrograms;
  readonly seen: readonly ProgramSeen[];
  /** Our haproxy has its ports. */
  readonly isServing: boolean;
  /** lbagent itself has its ports, as it should. */
  readonly isRunning: boolean;
  /** Called when all has been tried that takes more rights than to write into its directories. */
  readonly onPrivileged?: () => void;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Looks at everything that lbagent needs, and tries it; nothing is left behind. */
export async function lookAtMachine(input: LookInput): Promise<Facts> {
  const { config, programs, seen, now } = input;
  const has = (name: string): boolean => seen.some((each) => each.package === name && each.path !== undefined);
  const families = kernelFamilies();
  const ruleset = rulesetOf({ machine: config.name ?? '', members: [] }, kernelSettingsOf(config, families));
  const [kernel, ports, certificate] = await Promise.all([
    has('nftables') && has('iproute2') ? tryKernel(programs, ruleset) : undefined,
    tryPorts(input),
    certificateIn(config.pkiDir),
  ]);
  input.onPrivileged?.();
  const directories = await tryDirectories(config);
  return {
    programs: seen.map((program) => ({ ...program, replaces: isAnotherRunning(config, program) })),
    ports,
    directories,
    ipv6: families.includes('ipv6'),
    now,
    ...(kernel && { kernel }),
    ...(certificate && { certificate }),
  };
}

/** True when the haproxy that lbagent started runs, hung or not: its ports are taken, and it is not to be disturbed. */
export async function isHaproxyRunning({ haproxySocket, runDir }: RunConfig): Promise<boolean> {
  const record = readRecord(runDir, 'haproxy');
  if (record !== undefined && isAlive(record)) return true;
  return new Promise((resolve) => {
    const socket = connect(haproxySocket, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** True when lbagent runs this program itself and it was started from elsewhere. */
function isAnotherRunning({ processes, runDir }: RunConfig, program: ProgramSeen): boolean {
  const record = processes === 'child' ? readRecord(runDir, program.package) : undefined;
  return record !== undefined && isAlive(record) && record.argv[0] !== program.path;
}

/** True when it is lbagent that answers where metrics are asked for. */
export async function isLbagentRunning({ metricsListen }: RunConfig): Promise<boolean> {
  const { host, port } = splitHostPort(metricsListen);
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  const answer = await fetch(`http://${address}:${port}/metrics`, { signal: AbortSignal.timeout(2_000) })
    .then((response) => response.text())
    .catch(() => '');
  return answer.includes('component="lbagent"');
}

async function tryPorts({ config, isServing, isRunning }: LookInput): Promise<Tried[]> {
  const own = [
    { flag: '--listen', ...splitHostPort(config.listen), need: 'little' },
    { flag: '--metrics-listen', ...splitHostPort(config.metricsListen), need: 'always' },
  ] as const;
  const tried = own.map(async (each) =>
    portTried(each, isRunning ? undefined : await whyNotFree(each.host, each.port)),
  );
  return Promise.all([...tried, ...tryHaproxysPorts(config, isServing)]);
}

/** A port of haproxy's that somebody else has, told with its flag; undefined: nobody has. Asked while haproxy is down. */
export async function whyHaproxyCannotRun(config: RunConfig): Promise<string | undefined> {
  const tried = await Promise.all(tryHaproxysPorts(config, false));
  return tried.find(({ trouble }) => trouble !== undefined)?.trouble;
}

function tryHaproxysPorts({ catchPort, healthPort, peersPort }: RunConfig, isServing: boolean): Promise<Tried>[] {
  const ports = [
    { flag: '--catch-port', host: '127.0.0.1', port: catchPort, need: 'to-begin' },
    ...(kernelFamilies().includes('ipv6')
      ? ([{ flag: '--catch-port', host: '::1', port: catchPort, need: 'to-begin' }] as const)
      : []),
    { flag: '--health-port', host: '127.0.0.1', port: healthPort, need: 'to-begin' },
    { flag: '--peers-port', host: '127.0.0.1', port: peersPort, need: 'to-begin' },
  ] as const;
  return ports.map(async (each) => portTried(each, isServing ? undefined : await whyTaken(each.host, each.port)));
}

interface Port extends Pick<Tried, 'need'> {
  readonly flag: string;
  readonly host: string;
  readonly port: number;
}

function portTried({ flag, host, port, need }: Port, why: string | undefined): Tried {
  return {
    what: `${flag} ${formatEndpoint(host, port)}`,
    trouble: why === undefined ? undefined : `${flag}: ${why}`,
    need,
  };
}

function splitHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

async function tryDirectories(config: RunConfig): Promise<Tried[]> {
  const directories = new Map([
    [config.stateDir, '--state-dir'],
    [config.runDir, '--run-dir'],
    [dirname(config.haproxyConfig), '--haproxy-config'],
    [dirname(config.keepalivedConfig), '--keepalived-config'],
    [config.pkiDir, '--pki-dir'],
  ]);
  return Promise.all(
    [...directories].map(async ([directory, flag]): Promise<Tried> => {
      const why = await whyNotWritable(directory);
      const trouble = why === undefined ? undefined : `${flag}: ${why}`;
      // A certificate that is there is good without it.
      return { what: `${flag} ${directory}`, trouble, need: flag === '--pki-dir' ? 'little' : 'to-begin' };
    }),
  );
}

async function certificateIn(pkiDir: string): Promise<Facts['certificate']> {
  // What is wrong with it is told by whoever needs it.
  const held = await readEnrolment(pkiDir).catch(() => undefined);
  return held && factsOfMaterial(held.material);
}
