import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Repair } from '../links/types.ts';
import { readIfThere } from '../whole-file.ts';

export interface RouterPaths {
  /** For example /proc/sys. */
  readonly procSys: string;
  /**
   * There while this machine forwards packets for our sake only. Must be gone after a reboot, as the setting is.
   */
  readonly note: string;
}

/** The note's name among what lbagent keeps until the next reboot. */
export const FORWARD_NOTE = 'ip-forward';

/** Whether the kernel passes on packets that are not for this machine. */
export interface Router {
  /** True: it does because we made it, see `BaseSettings.guard`. */
  isOurs(): Promise<boolean>;
  isOn(): Promise<boolean>;
  /** Returns what had to be changed. */
  enable(): Promise<readonly Repair[]>;
  /** As it was before `enable`; a machine that was a router before stays one. */
  restore(): Promise<void>;
}

export function openRouter({ procSys, note }: RouterPaths): Router {
  const setting = `${procSys}/net/ipv4/ip_forward`;
  const isOn = async (): Promise<boolean> => (await readFile(setting, 'utf8')).trim() === '1';
  const isOurs = async (): Promise<boolean> => (await readIfThere(note)) !== undefined;
  return {
    isOurs,
    isOn,
    async enable() {
      if (await isOn()) return [];
      // Noted first: who was killed between the two has changed nothing.
      await mkdir(dirname(note), { recursive: true });
      await writeFile(note, 'net.ipv4.ip_forward was 0 before lbagent forwarded UDP\n');
      await writeFile(setting, '1');
      return ['net.ipv4.ip_forward was 0, is 1'];
    },
    async restore() {
      if (!(await isOurs())) return;
      await writeFile(setting, '0');
      await rm(note, { force: true });
    },
  };
}
