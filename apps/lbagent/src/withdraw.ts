import { openCommandSocket, readWorkerInfo } from '@fairlead/haproxy';
import { pause, systemClock } from '@fairlead/control-loop';
import { removeForwarding } from './forwarding/kernel.ts';
import { FORWARD_NOTE } from './forwarding/router.ts';
import { keepalivedFiles } from './keepalived/paths.ts';
import type { KeepalivedPaths } from './keepalived/types.ts';
import { meetingPlaceOf } from './kernel-side.ts';
import { kernelFamilies } from './links/families.ts';
import { openLinks } from './links/kernel.ts';
import { diffAddresses } from './links/plan.ts';
import { removePodWays } from './links/pod-ways.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE, removeRouting } from './links/routing.ts';
import type { LinkAddress, MeetingPlace } from './links/types.ts';
import { removeRuleset } from './nftables/remove.ts';
import { DEFAULT_MARK } from './nftables/ruleset.ts';
import { identifyProcess } from './processes/proc.ts';
import { readStateFile } from './state/state-file.ts';
import { readIfThere } from './state/whole-file.ts';

export interface WithdrawOptions {
  /** What was remembered: which links and anchors were ours. */
  readonly stateFile: string;
  readonly paths: KeepalivedPaths;
  /** Paths of programs. */
  readonly programs: { readonly nft: string; readonly ip: string };
  /** Default /proc/sys. */
  readonly procSys?: string;
}

/**
 * Takes out of the kernel what lbagent put there: addresses, rules, routes, settings of links. Refuses, with a sentence,
 * while keepalived still moves addresses. Answers what could not be done; empty: nothing of lbagent is left.
 */
export async function withdraw(options: WithdrawOptions): Promise<readonly string[]> {
  const { paths, programs, procSys = '/proc/sys' } = options;
  const pid = Number(await readIfThere(keepalivedFiles(paths).pid));
  if (pid > 1 && identifyProcess(pid) !== undefined) {
    return [`keepalived still runs as process ${pid}: stop lbagent, keepalived and haproxy first`];
  }
  const problems: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((error: unknown) => {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    });
  };
  const { anchors, devices, meeting } = await remembered(options.stateFile);
  const lack = kernelFamilies().includes('ipv6') ? {} : { ipv6: false as const };
  await attempt('addresses are still there', () => removeAddresses(programs.ip, anchors));
  await attempt('the nftables table is still there', () => removeRuleset(programs.nft, lack));
  const router = { procSys, note: `${paths.runDirectory}/${FORWARD_NOTE}` };
  await attempt('UDP is still forwarded', () => removeForwarding(programs.nft, router));
  await attempt('routes to pods are still there', () => removePodWays(programs.ip));
  const routing = {
    mark: DEFAULT_MARK,
    table: DEFAULT_TABLE,
    rulePriority: DEFAULT_RULE_PRIORITY,
    devices,
    ...lack,
    ...meeting,
  };
  await attempt('the policy route is still there', () => removeRouting({ ip: programs.ip, procSys }, routing));
  return problems;
}

async function remembered(stateFile: string): Promise<{
  readonly anchors: readonly LinkAddress[];
  readonly devices: readonly string[];
  readonly meeting: { readonly meeting?: MeetingPlace };
}> {
  // Without it everything else is taken away all the same.
  const config = (await readStateFile(stateFile, () => undefined))?.held.state.config;
  if (config === undefined) return { anchors: [], devices: [], meeting: {} };
  const deviceOf = (network: string): string | undefined =>
    config.networks.find((each) => each.network === network)?.device;
  const anchors = config.vrrpInstances.flatMap(({ anchorAddress: address, network }) => {
    const device = deviceOf(network);
    return device === undefined ? [] : [{ device, address }];
  });
  const meeting = meetingPlaceOf(config);
  const devices = [...new Set(config.networks.map(({ device }) => device))].sort();
  return { anchors, devices, meeting: meeting ? { meeting } : {} };
}

async function removeAddresses(ip: string, anchors: readonly LinkAddress[]): Promise<void> {
  const links = openLinks({ ip });
  try {
    const ours = diffAddresses([], await links.observe()).remove;
    const failed = await links.apply({ add: [], remove: [...ours, ...anchors] });
    // A link that is gone has no address.
    const left = failed.filter(({ message }) => !message.startsWith('Cannot find device'));
    if (left.length > 0) throw new Error(left.map(({ address, message }) => `${address}: ${message}`).join('; '));
  } finally {
    await links.close();
  }
}

/** How often a haproxy that is to run empty is asked; milliseconds. */
const ASK_EVERY_MS = 250;

/** Resolves when haproxy has no connection left, or is gone, or after `seconds`. */
export async function untilEmpty(haproxySocket: string, seconds: number): Promise<void> {
  const socket = openCommandSocket(haproxySocket, 1000);
  try {
    for (const until = performance.now() + seconds * 1000; performance.now() < until;) {
      // This question is a connection too.
      if ((await readWorkerInfo(socket)).currentConnections <= 1) return;
      await pause(systemClock, ASK_EVERY_MS, new AbortController().signal);
    }
  } catch {
    return;
  } finally {
    socket.close();
  }
}
