import { familyOf } from '@fairlead/model';
import { run } from '../processes/run.ts';
import type { LinkAddress } from './types.ts';

/** Sees to it that added addresses are announced at once, but never in a flood. */
export interface Announcer {
  request(added: readonly LinkAddress[]): void;
  stop(): void;
}

/** An announcement names every address of the link: this bounds the frames to some 2,000 a second. */
const LEAST_PAUSE_MS = 50;
const PAUSE_MS_PER_ADDRESS = 0.5;
const REPEAT_MS = 500;

/** `announce` tells the neighbours all addresses of the links and says how many. What it throws is left to the repetition. */
export function createAnnouncer(announce: (devices: readonly string[]) => Promise<number>): Announcer {
  const due = new Set<string>();
  const again = new Set<string>();
  let size = 0;
  let pause: NodeJS.Timeout | undefined;
  let repeat: NodeJS.Timeout | undefined;

  async function announceNow(devices: readonly string[]): Promise<void> {
    size = await announce(devices).catch(() => size);
  }

  function start(): void {
    if (pause !== undefined || due.size === 0) return;
    const devices = [...due];
    due.clear();
    pause = setTimeout(
      () => {
        pause = undefined;
        start();
      },
      LEAST_PAUSE_MS + size * PAUSE_MS_PER_ADDRESS,
    );
    void announceNow(devices);
  }

  return {
    request(added) {
      for (const { device, announce } of added) {
        if (announce !== false) due.add(device);
      }
      if (due.size === 0) return;
      for (const device of due) again.add(device);
      start();
      clearTimeout(repeat);
      repeat = setTimeout(() => {
        for (const device of again) due.add(device);
        again.clear();
        start();
      }, REPEAT_MS);
    },
    stop() {
      clearTimeout(pause);
      clearTimeout(repeat);
      due.clear();
    },
  };
}

/** One by one, IPv4 only. False when one could not be announced. */
export async function announceByArping(arping: string, addresses: readonly LinkAddress[]): Promise<boolean> {
  const v4 = addresses.filter(({ address }) => familyOf(address) === 'ipv4');
  const outcomes = await Promise.all(v4.map((each) => arpingOne(arping, each)));
  return outcomes.every(Boolean);
}

/** Two programs are called arping: one announces its source (-S), the other its target. Both end with 1 when nobody answers. */
async function arpingOne(arping: string, { device, address }: LinkAddress): Promise<boolean> {
  const first = await run([arping, '-q', '-U', '-c', '1', '-i', device, '-S', address, address], { timeoutMs: 3000 });
  if (!/invalid option|usage/i.test(first.stderr) && first.code !== -1) return true;
  const second = await run([arping, '-q', '-U', '-c', '1', '-I', device, address], { timeoutMs: 3000 });
  return second.code === 0 || second.code === 1;
}
