import type { KeepalivedPaths } from './types.ts';

/** The files that keepalived, its scripts and lbagent share. */
export interface KeepalivedFiles {
  readonly pid: string;
  readonly vrrpPid: string;
  /** 0: fit to own addresses. 1: not. Written by lbagent. */
  readonly track: string;
  /** 0: as good a choice as its place in the set says. 1: any other is better. Written by lbagent. */
  readonly lossy: string;
  readonly fifo: string;
  readonly notifyScript: string;
  readonly checkScript: string;
}

export function keepalivedFiles(paths: KeepalivedPaths): KeepalivedFiles {
  return {
    pid: `${paths.runDirectory}/keepalived.pid`,
    vrrpPid: `${paths.runDirectory}/keepalived-vrrp.pid`,
    track: `${paths.runDirectory}/haproxy-unfit`,
    lossy: `${paths.runDirectory}/network-lossy`,
    fifo: `${paths.runDirectory}/vrrp-events`,
    notifyScript: `${paths.directory}/notify.sh`,
    checkScript: `${paths.directory}/check-haproxy.sh`,
  };
}

export interface InstanceFiles {
  /** `ip -force -batch` of this puts the VIPs on the link and announces them. */
  readonly becomeOwner: string;
  /** `ip -force -batch` of this takes them off. */
  readonly leaveOwner: string;
  /** `ip -force -batch` of this announces all addresses of the link again. */
  readonly announce: string;
  /** The last state, one word. */
  readonly state: string;
}

export function instanceFiles(paths: KeepalivedPaths, instance: string): InstanceFiles {
  return {
    becomeOwner: `${paths.directory}/${instance}.become-owner`,
    leaveOwner: `${paths.directory}/${instance}.leave-owner`,
    announce: `${paths.directory}/${instance}.announce`,
    state: `${paths.runDirectory}/${instance}.state`,
  };
}
