import type { View } from '../planning/advance.ts';
import { readState, watchVrrp } from './state.ts';
import { type KeepalivedSeen, keepalivedTrouble } from './trouble.ts';
import type { KeepalivedPaths, VrrpEvent, VrrpState } from './types.ts';
import type { ProcessEvent, Supervisor } from '../processes/types.ts';

export interface KeepalivedWatchParts {
  readonly supervisor: Supervisor;
  readonly paths: KeepalivedPaths;
  /** Where keepalived's own log is, as a command or a file. */
  readonly log: string;
  /** What should run here; undefined: not known at the moment. */
  readonly current: () => Pick<View, 'config' | 'links'> | undefined;
  readonly onProcess: (event: ProcessEvent) => void;
  readonly onVrrp: (event: VrrpEvent) => void;
}

export interface KeepalivedWatch {
  /** Why keepalived cannot have this machine own addresses; `fit`: whether it is told that it may. */
  look(fit: boolean): string | undefined;
  stop(): void;
}

/** Follows what keepalived's process and VRRP instances do. */
export function watchKeepalived(parts: KeepalivedWatchParts): KeepalivedWatch {
  const { supervisor, paths, log } = parts;
  const said = new Map<string, { readonly state: VrrpState; readonly at: number }>();
  const asked = new Set<string>();
  let ended: KeepalivedSeen['ended'];
  let fitSince: number | undefined;
  let process: Pick<KeepalivedSeen, 'process' | 'processSince'> | undefined;
  let instances: KeepalivedSeen['instances'] = [];
  const note = (instance: string, state: VrrpState): void => {
    const at = said.get(instance)?.state === state ? said.get(instance)!.at : performance.now();
    said.set(instance, { state, at });
  };
  /** For what was said before this lbagent was started. */
  const ask = async (instance: string): Promise<void> => {
    if (said.has(instance) || asked.has(instance)) return;
    asked.add(instance);
    const state = await readState(paths, instance);
    if (state !== undefined && !said.has(instance)) note(instance, state);
  };
  const stops = [
    supervisor.subscribe((event) => {
      if (event.kind === 'exited') {
        ended = { reason: event.reason, at: performance.now() };
        said.clear();
      }
      parts.onProcess(event);
    }),
    watchVrrp(paths, (event) => {
      note(event.instance, event.state);
      parts.onVrrp(event);
    }),
  ];
  return {
    look(fit) {
      const now = performance.now();
      fitSince = fit ? (fitSince ?? now) : undefined;
      const current = parts.current();
      if (current !== undefined) instances = instancesOf(current);
      for (const { name } of instances) void ask(name);
      const status = supervisor.status();
      const processSince = process?.process.kind === status.kind ? process.processSince : now;
      process = { process: status, processSince };
      const seen = { ...process, instances, said, log };
      return keepalivedTrouble({ ...seen, ...(ended && { ended }), ...(fitSince !== undefined && { fitSince }) }, now);
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

function instancesOf({ config, links }: Pick<View, 'config' | 'links'>): KeepalivedSeen['instances'] {
  return config.vrrpInstances.map(({ name, network }) => {
    const device = config.networks.find((each) => each.network === network)?.device ?? '';
    return { name, device, linkUp: links.find((link) => link.device === device)?.up === true };
  });
}
