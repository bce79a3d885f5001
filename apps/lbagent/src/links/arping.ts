import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { run } from '../processes/run.ts';
import { checkedDevice } from './plan.ts';
import type { LinkAddress } from './types.ts';

/** Announces single addresses of IPv4. */
export interface Arping {
  /** Sets off announcements without waiting for them. False when that cannot be done. */
  tell(addresses: readonly LinkAddress[]): Promise<boolean>;
  stop(): void;
}

/**
 * A small shell that stays starts arping for each line it reads: to start a process of its own keeps a program of
 * lbagent's size from all other work for some milliseconds. It ends when lbagent does.
 */
export function openArping(arping: string): Arping {
  let shell: Promise<Writable> | undefined;

  async function start(): Promise<Writable> {
    const { source, device } = await flagsOf(arping);
    const each = `"$arping" -q -U -c 1 ${device} "$device" ${source ? '-S "$vip"' : ''} "$vip" >/dev/null 2>&1 </dev/null &`;
    const script = `arping=$1; while read -r device vip; do ${each} done`;
    const child = spawn('/bin/sh', ['-c', script, 'announce', arping], { stdio: ['pipe', 'ignore', 'ignore'] });
    // One that is gone shows at the next word to it.
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    return child.stdin;
  }

  /** Undefined when there is none; the next one asked for is a new one. */
  async function open(): Promise<Writable | undefined> {
    const mine = (shell ??= start());
    const input = await mine.catch(() => undefined);
    if (input?.writable === true) return input;
    if (shell === mine) shell = undefined;
    return undefined;
  }

  return {
    async tell(addresses) {
      const lines = addresses.map(({ device, address }) => `${checkedDevice(device)} ${address}\n`);
      const input = (await open()) ?? (await open());
      input?.write(lines.join(''));
      return input !== undefined;
    },
    stop() {
      shell?.then(
        (input) => input.end(),
        () => undefined,
      );
      shell = undefined;
    },
  };
}

interface Flags {
  /** The announced address is given by -S; else the target is the one. */
  readonly source: boolean;
  readonly device: '-i' | '-I';
}

/** Two programs are called arping. */
async function flagsOf(arping: string): Promise<Flags> {
  const { stdout, stderr } = await run([arping, '--help'], { timeoutMs: 3000 });
  return /-S /.test(stdout + stderr) ? { source: true, device: '-i' } : { source: false, device: '-I' };
}

/** Addresses of IPv4, each by itself, waiting for all. False when one could not be announced. */
export async function announceByArping(arping: string, addresses: readonly LinkAddress[]): Promise<boolean> {
  const { source, device: flag } = await flagsOf(arping);
  const outcomes = await Promise.all(
    addresses.map(async ({ device, address }) => {
      const target = source ? ['-S', address, address] : [address];
      const { code } = await run([arping, '-q', '-U', '-c', '1', flag, device, ...target], { timeoutMs: 3000 });
      // 1: nobody answered, as nobody does.
      return code === 0 || code === 1;
    }),
  );
  return outcomes.every(Boolean);
}
