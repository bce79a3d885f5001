import { familyOf } from '@fairlead/model';
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { openLineTool } from '../processes/line-tool.ts';
import { runOrThrow } from '../processes/run.ts';
import { createAnnouncer } from './announcer.ts';
import { announceByArping, openArping } from './arping.ts';
import { failureOf, isAlreadyGone, parseBatchComplaints, parseLinks } from './parse.ts';
import { addAgainLines, addLine, addToldLine, announceLine, checkedDevice, removeLine } from './plan.ts';
import { ensureRouting } from './routing.ts';
import type { LinkAddress, LinkAddressChange, LinkAddressFailure, Links, LinksObserved } from './types.ts';
import { watchLinks } from './watch.ts';

export interface LinksOptions {
  /** Path of ip. */
  readonly ip: string;
  /** Default /proc/sys. */
  readonly procSys?: string;
  /**
   * Put before `ip monitor` so that it ends with lbagent even when that is killed, for example
   * `['/usr/bin/setpriv', '--pdeathsig', 'KILL']`. Without it a monitor may stay until the next change of a link.
   */
  readonly monitorPrefix?: readonly string[];
  /** Path of arping: tells of single addresses, and of all on links that refuse to have their hardware address set while up. */
  readonly arping?: string;
  /** Hears when addresses could not be announced. */
  readonly onUnannounced?: (message: string) => void;
}

/** Changes go through one `ip -batch -` that stays (0.1 ms each); looking starts an ip of its own (about 5 ms). */
export function openLinks(options: LinksOptions): Links {
  const { ip, procSys = '/proc/sys' } = options;
  const tool = openLineTool({
    argv: [ip, '-force', '-batch', '-'],
    sentinel: 'fairlead-sync',
    complaint: /Object "fairlead-sync" is unknown[^\n]*\nCommand failed [^\n]*\n/,
  });

  const arping = options.arping === undefined ? undefined : openArping(options.arping);
  let seen: LinksObserved | undefined;
  let mark = '';

  /** The same object for the same words. */
  async function observe(): Promise<LinksObserved> {
    const words = await runOrThrow([ip, '-j', 'addr', 'show']);
    const next = hash('sha1', words);
    if (!seen || next !== mark) seen = parseLinks(words);
    mark = next;
    return seen;
  }

  async function announceAll(
    devices: readonly string[],
  ): Promise<{ unannounced: readonly string[]; announced: number }> {
    // A hardware address that changes is news, for which somebody looks again: it is not worth a look each time.
    const { links, addresses } = seen ?? (await observe());
    const ours = links.flatMap(({ device, mac }) =>
      mac !== undefined && devices.includes(device) ? [{ device, mac }] : [],
    );
    if (ours.length === 0) return { unannounced: [], announced: 0 };
    const lines = ours.map(({ device, mac }) => announceLine(device, mac));
    const { complaints, firstLine } = await tool.send(lines).catch(() => tool.send(lines));
    const refused = parseBatchComplaints(complaints, firstLine).map(({ index, message }) => ({
      ...ours[index]!,
      message,
    }));
    const unannounced: string[] = [];
    const now = refused.length > 0 ? (await observe()).addresses : [];
    for (const { device, message } of refused) {
      const vips = now.filter((each) => each.device === device && each.ours);
      const [ipv4, ipv6] = [vips.filter(isIpv4), vips.filter((each) => !isIpv4(each))];
      if (ipv6.length > 0) await tool.send(ipv6.flatMap(addAgainLines)).catch(() => undefined);
      if (ipv4.length === 0) continue;
      if (options.arping === undefined || !(await announceByArping(options.arping, ipv4))) {
        unannounced.push(
          `${device} does not announce its addresses: ${message}. Install arping, which does it another way`,
        );
      }
    }
    return { unannounced, announced: addresses.filter(({ device }) => devices.includes(device)).length };
  }

  const announcer = createAnnouncer({
    async all(devices) {
      const { unannounced, announced } = await announceAll(devices);
      for (const message of unannounced) options.onUnannounced?.(message);
      return announced;
    },
    size: (devices) => seen?.addresses.filter(({ device }) => devices.includes(device)).length ?? 0,
    some: (added) => arping?.tell(added) ?? Promise.resolve(false),
  });

  return {
    observe,

    async apply(change: LinkAddressChange): Promise<readonly LinkAddressFailure[]> {
      const unprobed = await unprobedLinks(change.add, procSys);
      const add = (each: LinkAddress): string => (unprobed.has(each.device) ? addToldLine(each) : addLine(each));
      const work = [
        ...change.add.map((each) => ({ each, line: add(each), adds: true })),
        ...change.remove.map((each) => ({ each, line: removeLine(each), adds: false })),
      ];
      if (work.length === 0) return [];
      const lines = work.map(({ line }) => line);
      // Every line may be repeated, so an ip that died is replaced and asked once more.
      const { complaints, firstLine } = await tool.send(lines).catch(() => tool.send(lines));
      announcer.request(change.add);
      return parseBatchComplaints(complaints, firstLine).flatMap(({ index, message }) => {
        const failed = work[index];
        if (failed === undefined || (!failed.adds && isAlreadyGone(message))) return [];
        return [failureOf(failed.each, message)];
      });
    },

    announce: async (devices) => (await announceAll(devices)).unannounced,
    ensureRouting: (settings) => ensureRouting({ ip, procSys }, settings),
    watch(listener) {
      return watchLinks([...(options.monitorPrefix ?? []), ip, '-o', 'monitor', 'address', 'link'], listener);
    },
    close() {
      announcer.stop();
      arping?.stop();
      return tool.close();
    },
  };
}

/** Of the links that IPv6 addresses come to, those that never probe for them: of both settings the larger counts. */
async function unprobedLinks(added: readonly LinkAddress[], procSys: string): Promise<ReadonlySet<string>> {
  const devices = new Set(added.filter((each) => !isIpv4(each)).map(({ device }) => device));
  const setting = (name: string): Promise<string> =>
    readFile(`${procSys}/net/ipv6/conf/${name}/accept_dad`, 'utf8').catch(() => 'unknown');
  const unprobed = new Set<string>();
  for (const device of devices) {
    const both = await Promise.all([setting('all'), setting(checkedDevice(device))]);
    if (both.every((text) => text.trim() === '0')) unprobed.add(device);
  }
  return unprobed;
}

function isIpv4({ address }: LinkAddress): boolean {
  return familyOf(address) === 'ipv4';
}
