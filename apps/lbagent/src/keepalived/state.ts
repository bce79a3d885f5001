import { readFile, writeFile } from 'node:fs/promises';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { MachineConfig } from '@fairlead/model';
import type { LinksObserved } from '../links/types.ts';
import { instanceFiles, keepalivedFiles } from './paths.ts';
import type { KeepalivedPaths, VrrpEvent, VrrpState } from './types.ts';

const STATES: readonly VrrpState[] = ['MASTER', 'BACKUP', 'FAULT', 'STOP'];

/**
 * PURE. The instances that this machine owns: those whose anchor is on the link. Not what keepalived says: a killed one
 * says nothing and leaves the address where it was.
 */
export function ownedInstances(config: MachineConfig, observed: LinksObserved): readonly string[] {
  return config.vrrpInstances.flatMap(({ name, anchorAddress, network }) => {
    const device = config.networks.find((each) => each.network === network)?.device;
    const owns = observed.addresses.some((each) => each.address === anchorAddress && each.device === device);
    return owns ? [name] : [];
  });
}

/** PURE. One line of keepalived's fifo, such as `INSTANCE "V1" MASTER 250`; undefined for what is not about an instance. */
export function parseVrrpLine(line: string): VrrpEvent | undefined {
  const match = /^INSTANCE "([^"]+)" (\S+)/.exec(line);
  if (!match) return undefined;
  const [, instance = '', word] = match;
  if (word === 'MASTER_RX_LOWER_PRI') return { instance, state: 'MASTER', announce: true };
  const state = STATES.find((each) => each === word);
  return state === undefined ? undefined : { instance, state, announce: false };
}

/** What keepalived said last about the instance, also before this lbagent was started; undefined when nothing is known. */
export async function readState(paths: KeepalivedPaths, instance: string): Promise<VrrpState | undefined> {
  const text = await readFile(instanceFiles(paths, instance).state, 'utf8').catch(() => '');
  return STATES.find((state) => state === text.trim());
}

/**
 * Calls back at each change of state, as soon as keepalived tells (no script in between); those that happened while nobody
 * listened come first. The fifo must exist (`prepareKeepalived`). Returns the way to stop.
 */
export function watchVrrp(paths: KeepalivedPaths, listener: (event: VrrpEvent) => void): () => void {
  // For reading and writing: opening does not wait for keepalived, and its end is not the end of the file.
  const fd = openSync(keepalivedFiles(paths).fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const fifo = new Socket({ fd, readable: true, writable: false });
  let rest = '';
  fifo.setEncoding('utf8');
  fifo.on('data', (text) => {
    const lines = `${rest}${text.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = parseVrrpLine(line);
      if (event) listener(event);
    }
  });
  fifo.unref();
  return () => fifo.destroy();
}

/** For `scripts: 'lbagent'`, where no script keeps the state. */
export async function writeState(paths: KeepalivedPaths, event: VrrpEvent): Promise<void> {
  await writeFile(instanceFiles(paths, event.instance).state, `${event.state}\n`);
}
