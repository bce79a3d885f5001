import { readIfThere } from '../state/whole-file.ts';
import { existsSync } from 'node:fs';

export interface BridgePaths {
  /** Default /proc/sys. */
  readonly procSys?: string;
  /** Default /sys/class/net. */
  readonly devices?: string;
}

/**
 * Links on which caught connections get lost, one sentence each: a bridge whose packets pass nftables once as frames of
 * the bridge (br_netfilter) loses the socket that tproxy gave them there.
 */
export async function bridgeProblems(
  links: readonly string[],
  { procSys = '/proc/sys', devices = '/sys/class/net' }: BridgePaths = {},
): Promise<readonly string[]> {
  const bridges = links.filter((link) => existsSync(`${devices}/${link}/bridge`));
  if (bridges.length === 0) return [];
  const called = await readIfThere(`${procSys}/net/bridge/bridge-nf-call-iptables`);
  if (called?.trim() !== '1') return [];
  return bridges.map(
    (link) =>
      `${link} is a bridge and net.bridge.bridge-nf-call-iptables is 1, so connections to its addresses get lost: set it to 0 (sysctl -w net.bridge.bridge-nf-call-iptables=0, and a file below /etc/sysctl.d)`,
  );
}
