import type { KeepalivedPaths } from '../keepalived/types.ts';
import { keepalivedFiles } from '../keepalived/paths.ts';
import type { ProcessSpec } from './types.ts';

export interface HaproxyProgram {
  readonly binary: string;
  readonly config: string;
  readonly masterSocket: string;
  readonly pidFile: string;
}

/** HAProxy in master-worker mode: the master is the process that is watched, and keeps its pid over reloads. */
export function haproxySpec(program: HaproxyProgram): ProcessSpec {
  return {
    name: 'haproxy',
    unit: 'haproxy.service',
    argv: [program.binary, '-W', '-S', program.masterSocket, '-f', program.config, '-p', program.pidFile],
    reloadSignal: 'SIGUSR2',
    stopSignal: 'SIGUSR1',
    restartAfterMs: 0,
    staleFiles: [program.pidFile, program.masterSocket],
  };
}

/** keepalived in the foreground, VRRP only. It takes its addresses off the link when it ends gently. */
export function keepalivedSpec(program: { readonly binary: string; readonly paths: KeepalivedPaths }): ProcessSpec {
  const { pid, vrrpPid } = keepalivedFiles(program.paths);
  return {
    name: 'keepalived',
    unit: 'keepalived.service',
    argv: [
      program.binary,
      '--dont-fork',
      '--log-console',
      '--log-detail',
      '--vrrp',
      `--use-file=${program.paths.config}`,
      `--pid=${pid}`,
      `--vrrp_pid=${vrrpPid}`,
    ],
    reloadSignal: 'SIGHUP',
    stopSignal: 'SIGTERM',
    // A killed one leaves its addresses where they are and they go on working; its successor takes them off when it starts.
    // By then another machine shall have taken over (3 adverts of 100 ms and a bit).
    restartAfterMs: 500,
    // With a pid file of a process that was killed, another process of that number would keep keepalived from starting.
    staleFiles: [pid, vrrpPid],
  };
}
