import type { AddressFamily } from '@fairlead/model';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Repair } from '../links/types.ts';
import { readIfThere } from '../state/whole-file.ts';

export interface RouterPaths {
  /** For example /proc/sys. */
  readonly procSys: string;
  /**
   * Says what the kernel's settings were before this machine forwarded packets for our sake. Must be gone after a reboot,
   * as the settings are.
   */
  readonly note: string;
}

/** The note's name among what lbagent keeps until the next reboot. */
export const FORWARD_NOTE = 'ip-forward';

/** Whether the kernel passes on packets that are not for this machine. */
export interface Router {
  /** Families that it does so for because we made it, see `BaseSettings.guard`. */
  ours(): Promise<readonly AddressFamily[]>;
  isOn(family: AddressFamily): Promise<boolean>;
  /** Returns what had to be changed. */
  enable(families: readonly AddressFamily[]): Promise<readonly Repair[]>;
  /** As it was before `enable`; a machine that was a router before stays one. */
  restore(): Promise<void>;
}

const SWITCH = { ipv4: 'net/ipv4/ip_forward', ipv6: 'net/ipv6/conf/all/forwarding' } as const;
const DEVICES = 'net/ipv6/conf';

export function openRouter({ procSys, note }: RouterPaths): Router {
  const read = async (path: string): Promise<string> => (await readFile(`${procSys}/${path}`, 'utf8')).trim();
  const isOn = async (family: AddressFamily): Promise<boolean> => (await read(SWITCH[family])) === '1';

  /** What is noted, by path: each setting's value before the first change of ours. */
  async function noted(): Promise<Map<string, string>> {
    const lines = ((await readIfThere(note)) ?? '').split('\n').filter((line) => line.includes(' '));
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
  }

  async function set(path: string, before: string, value: string): Promise<Repair> {
    const known = await noted();
    if (!known.has(path)) known.set(path, before);
    // Noted first: who was killed between the two has changed nothing.
    await mkdir(dirname(note), { recursive: true });
    await writeFile(note, [...known].map(([each, was]) => `${each} ${was}\n`).join(''));
    await writeFile(`${procSys}/${path}`, value);
    return `${path} was ${before}, is ${value}`;
  }

  /** A router does not believe other routers' advertisements unless it is told to: it would lose its own default route. */
  async function goOnBelieving(): Promise<readonly Repair[]> {
    const repairs: Repair[] = [];
    for (const device of await readdir(`${procSys}/${DEVICES}`)) {
      const path = `${DEVICES}/${device}/accept_ra`;
      if ((await read(path).catch(() => '')) === '1') repairs.push(await set(path, '1', '2'));
    }
    return repairs;
  }

  return {
    isOn,
    async ours() {
      const known = await noted();
      return (['ipv4', 'ipv6'] as const).filter((family) => known.has(SWITCH[family]));
    },
    async enable(families) {
      const repairs: Repair[] = [];
      for (const family of families) {
        if (await isOn(family)) continue;
        if (family === 'ipv6') repairs.push(...(await goOnBelieving()));
        repairs.push(await set(SWITCH[family], '0', '1'));
      }
      return repairs;
    },
    async restore() {
      // In reverse, so that the switch is off before routers are believed as little as before.
      for (const [path, before] of [...(await noted())].toReversed()) {
        await writeFile(`${procSys}/${path}`, before).catch((error: NodeJS.ErrnoException) => {
          // A link that is gone has no settings.
          if (error.code !== 'ENOENT') throw error;
        });
      }
      await rm(note, { force: true });
    },
  };
}
