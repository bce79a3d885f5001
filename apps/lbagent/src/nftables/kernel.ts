import { hash } from 'node:crypto';
import { openLineTool } from '../processes/line-tool.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { renderChange } from './elements.ts';
import { renderLimits } from './limits.ts';
import { isMissing, parseComplaint, parseListing } from './parse.ts';
import { renderRuleset, TABLE, tableFamilies } from './ruleset.ts';
import type { TableFamily } from './ruleset.ts';
import type { CaughtChange, Nftables, NftablesObserved, RulesetSettings } from './types.ts';

export interface NftablesOptions {
  /** Path of nft. */
  readonly nft: string;
  /** What the base is judged by until `ensureBase` says otherwise. */
  readonly settings: RulesetSettings;
  /** Hears, as a sentence, what this kernel cannot do. */
  readonly onLack?: (message: string) => void;
}

function lackOf(what: string, module: string): string {
  return (
    `nft refuses what sends packets of running ${what} on, so those break when addresses are handed over: ` +
    `load the modules ${module} and nft_socket`
  );
}

/** nft refused a change; nothing of it is in force. */
export class NftablesFailure extends Error {
  override readonly name = 'NftablesFailure';
  /** True: the table is not there (any more), so `ensureBase` first. */
  readonly baseMissing: boolean;
  /** The piece of the change that nft pointed at, for example `10.0.0.1`. */
  readonly at: string | undefined;

  constructor(message: string, baseMissing: boolean, at?: string) {
    super(message);
    this.baseMissing = baseMissing;
    this.at = at;
  }
}

/** Nothing is amiss with the table: only this very change cannot be made. */
export function isRefusal(error: unknown): error is NftablesFailure {
  return error instanceof NftablesFailure && !error.baseMissing;
}

/** Changes go through one `nft -i` that stays (0.3 ms each); looking starts an nft of its own (about 10 ms). */
export function openNftables(options: NftablesOptions): Nftables {
  let settings = options.settings;
  const tool = openLineTool({
    argv: [options.nft, '-i'],
    sentinel: 'fairlead_sync',
    // Thousands of ranges take their time.
    timeoutMs: 30_000,
    complaint: /(?:[^\n]*Error: [^\n]*\n)?[^\n]*fairlead_sync\n[ \t^~]*\n/,
  });

  let seen:
    { readonly mark: string; readonly settings: RulesetSettings; readonly observed: NftablesObserved } | undefined;
  /** The same object for the same words: thousands of elements are read only when one of them is different. */
  const read = (texts: readonly string[]): NftablesObserved => {
    const mark = hash('sha1', texts.join('\n'));
    if (seen?.mark !== mark || seen.settings !== settings) {
      seen = { mark, settings, observed: parseListing(texts, settings) };
    }
    return seen.observed;
  };
  const anew = (next: RulesetSettings): string => {
    const tables = tableFamilies(next).map((family) => `${family} ${TABLE}`);
    const away = tables.map((table) => `add table ${table}\ndelete table ${table}\n`);
    return `${away.join('')}${renderRuleset(next)}`;
  };
  const put = async (next: RulesetSettings): Promise<boolean> => {
    const kept = await run([options.nft, '-f', '-'], { input: renderRuleset(next) });
    if (kept.code === 0) return true;
    // A set or chain of our name but of another kind cannot be changed in place.
    return (await run([options.nft, '-f', '-'], { input: anew(next) })).code === 0;
  };

  return {
    async observe(): Promise<NftablesObserved> {
      const list = (family: TableFamily) => run([options.nft, '-j', 'list', 'table', family, TABLE]);
      const [listed, ...beside] = await Promise.all([list('inet'), ...tableFamilies(settings).slice(1).map(list)]);
      if (listed.code === 0) {
        const texts = beside.flatMap(({ code, stdout }) => (code === 0 ? [stdout] : []));
        return read([listed.stdout, ...texts]);
      }
      const complaint = parseComplaint(listed.stderr);
      if (complaint && isMissing(complaint)) return { base: 'missing', caught: [], limits: [] };
      throw new Error(
        `nft cannot list table inet ${TABLE}: ${listed.stderr.trim()}. Is nft installed, and may lbagent use it?`,
      );
    },

    async ensureBase(next): Promise<void> {
      // A kernel may come without the means to send packets on; it must serve all the same.
      const lesser = [
        [next, undefined],
        [{ ...next, secondChance: 'ipv4' }, lackOf('IPv6 connections', 'nft_dup_ipv6')],
        [{ ...next, secondChance: false }, lackOf('connections', 'nft_dup_ipv4')],
      ] as const;
      for (const [possible, lack] of lesser) {
        if (!(await put(possible))) continue;
        settings = possible;
        if (lack !== undefined) options.onLack?.(lack);
        return;
      }
      await runOrThrow([options.nft, '-f', '-'], { input: anew(next) });
    },

    async apply(change: CaughtChange): Promise<void> {
      const line = renderChange(change);
      // This change may be repeated, so an nft that died is replaced and asked once more.
      if (line !== undefined) judge(await tool.send([line]).catch(() => tool.send([line])));
    },

    async limit(changes): Promise<void> {
      for (const line of renderLimits(changes)) judge(await tool.send([line]));
    },

    close: () => tool.close(),
  };
}

/** Throws what nft complained about. */
function judge({ complaints }: { readonly complaints: string }): void {
  if (complaints.trim() === '') return;
  const complaint = parseComplaint(complaints) ?? { message: complaints.trim().slice(0, 500) };
  const where = complaint.at === undefined ? '' : ` at ${complaint.at}`;
  throw new NftablesFailure(`nft refused a change${where}: ${complaint.message}`, isMissing(complaint), complaint.at);
}
