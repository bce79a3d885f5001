import { openLineTool } from '../processes/line-tool.ts';
import { runOrThrow } from '../processes/run.ts';
import { failureOf, isAlreadyGone, parseBatchComplaints, parseLinks } from './parse.ts';
import { addLine, announceLine, removeLine } from './plan.ts';
import { ensureRouting } from './routing.ts';
import type { LinkAddressChange, LinkAddressFailure, Links, LinksObserved } from './types.ts';
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
}

/** Changes go through one `ip -batch -` that stays (0.1 ms each); looking starts an ip of its own (about 5 ms). */
export function openLinks(options: LinksOptions): Links {
  const { ip, procSys = '/proc/sys' } = options;
  const tool = openLineTool({
    argv: [ip, '-force', '-batch', '-'],
    sentinel: 'fairlead-sync',
    complaint: /Object "fairlead-sync" is unknown[^\n]*\nCommand failed [^\n]*\n/,
  });

  async function observe(): Promise<LinksObserved> {
    return parseLinks(await runOrThrow([ip, '-j', 'addr', 'show']));
  }

  return {
    observe,

    async apply(change: LinkAddressChange): Promise<readonly LinkAddressFailure[]> {
      const work = [
        ...change.add.map((each) => ({ each, line: addLine(each), adds: true })),
        ...change.remove.map((each) => ({ each, line: removeLine(each), adds: false })),
      ];
      if (work.length === 0) return [];
      const lines = work.map(({ line }) => line);
      // Every line may be repeated, so an ip that died is replaced and asked once more.
      const { complaints, firstLine } = await tool.send(lines).catch(() => tool.send(lines));
      return parseBatchComplaints(complaints, firstLine).flatMap(({ index, message }) => {
        const failed = work[index];
        if (failed === undefined || (!failed.adds && isAlreadyGone(message))) return [];
        return [failureOf(failed.each, message)];
      });
    },

    async announce(devices: readonly string[]): Promise<readonly string[]> {
      const { links } = await observe();
      const lines = links.flatMap(({ device, mac }) =>
        mac !== undefined && devices.includes(device) ? [announceLine(device, mac)] : [],
      );
      if (lines.length === 0) return [];
      const { complaints, firstLine } = await tool.send(lines);
      return parseBatchComplaints(complaints, firstLine).map(({ index, message }) => `${lines[index]}: ${message}`);
    },

    ensureRouting: (settings) => ensureRouting({ ip, procSys }, settings),
    watch(listener) {
      return watchLinks([...(options.monitorPrefix ?? []), ip, '-o', 'monitor', 'address', 'link'], listener);
    },
    close: () => tool.close(),
  };
}
