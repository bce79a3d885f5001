import type { HealthSource } from '@fairlead/telemetry';
import { run } from './run.ts';

/** What systemd shows of this process, when systemd started it and wants to hear: see systemd-notify(1). */
export interface ServiceManager {
  /** From now on the service counts as started, and `systemctl status` shows what is wrong with it, or `well`. */
  started(well: string): void;
}

/** `notifySocket`: what systemd set NOTIFY_SOCKET to; without it nobody is told. */
export function serviceManager(notifySocket: string | undefined, health: HealthSource): ServiceManager {
  if (notifySocket === undefined) return { started: () => undefined };
  let well: string | undefined;
  let told = '';
  let last: Promise<unknown> = Promise.resolve();
  const tell = (): void => {
    if (well === undefined) return;
    const status = health.current().problems.join('; ') || well;
    if (status === told) return;
    told = status;
    // Node has no unix datagrams. Whether systemd heard it changes nothing here.
    last = last.then(() => run(['systemd-notify', '--ready', `--status=${status}`]));
  };
  health.subscribe(tell);
  return {
    started(text) {
      well = text;
      tell();
    },
  };
}
