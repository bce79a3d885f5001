import { type AddressFamily, familyOf, formatEndpoint } from '@fairlead/model';
import { type NftComplaint, parseComplaint } from '../nftables/parse.ts';
import { openLineTool } from '../processes/line-tool.ts';
import { run, runOrThrow } from '../processes/run.ts';
import { type BaseSettings, renderBase, TABLE } from './base.ts';
import { createFlows } from './flows.ts';
import { LISTED_APART, parseForwarding } from './parse.ts';
import { renderChange } from './render.ts';
import { openRouter, type RouterPaths } from './router.ts';
import type { Forwarding, ForwardingObserved, ObservedForward } from './types.ts';

export interface ForwardingOptions extends RouterPaths {
  /** Path of nft. */
  readonly nft: string;
  /** Path of conntrack; absent: flows go on where they went until they are silent for two minutes. */
  readonly conntrack?: string;
}

/** nft refused a change; nothing of it is in force. */
export class ForwardingFailure extends Error {
  override readonly name = 'ForwardingFailure';
  /** True: no other change would be taken either. */
  readonly forAll: boolean;

  constructor(message: string, forAll: boolean) {
    super(message);
    this.forAll = forAll;
  }
}

const ABSENT: ForwardingObserved = { base: 'absent', forwards: [] };

/** Changes go through one `nft -i` that stays, and is started when there is something to forward; looking starts some of its own. */
export function openForwarding(options: ForwardingOptions): Forwarding {
  const { nft } = options;
  const router = openRouter(options);
  const flows = createFlows(options.conntrack);
  const tool = openLineTool({
    argv: [nft, '-i'],
    sentinel: 'fairlead_sync',
    complaint: /(?:[^\n]*Error: [^\n]*\n)?[^\n]*fairlead_sync\n[ \t^~]*\n/,
  });
  /** Undefined: not known, look. */
  let base: ForwardingObserved['base'] | undefined;
  /** Families that this machine is a router of. */
  let routed: readonly AddressFamily[] = [];
  let swept = false;
  const inForce = new Map<string, Pick<ObservedForward, 'vip' | 'port'>>();

  const settings = async (): Promise<BaseSettings> => ({ guard: await router.ours() });

  async function putBase(): Promise<readonly string[]> {
    const families = familiesIn([...inForce.values()]);
    const repairs = await router.enable(families);
    const rules = renderBase(await settings());
    const kept = await run([nft, '-f', '-'], { input: rules });
    // A set or chain of our name but of another kind cannot be changed in place.
    const done = kept.code === 0 ? kept : await run([nft, '-f', '-'], { input: `${REMOVE}${rules}` });
    if (done.code !== 0) {
      throw new ForwardingFailure(`this kernel cannot forward UDP (${firstLine(done.stderr)}): ${REMEDY}`, true);
    }
    base = 'intact';
    routed = families;
    return repairs;
  }

  return {
    async observe() {
      // What is not there comes by nobody but us.
      if (base === 'absent') return ABSENT;
      const seen = await look(nft, await settings());
      inForce.clear();
      for (const each of seen.forwards) inForce.set(formatEndpoint(each.vip, each.port), each);
      routed = familiesIn(seen.forwards);
      const areOn = await Promise.all(routed.map((family) => router.isOn(family)));
      base = seen.base === 'intact' && areOn.includes(false) ? 'altered' : seen.base;
      return { ...seen, base };
    },

    async repair() {
      try {
        const repairs = await putBase();
        // Meanwhile flows may have begun that went nowhere, and are remembered so.
        swept = false;
        return ['the rules that forward UDP were altered', ...repairs];
      } catch (error) {
        if (error instanceof ForwardingFailure) return [];
        throw error;
      }
    },

    async apply(change) {
      for (const { vip, port } of change.remove) inForce.delete(formatEndpoint(vip, port));
      for (const { vip, port } of change.put) inForce.set(formatEndpoint(vip, port), { vip, port });
      const line = renderChange(change, new Set([...inForce.values()].map(({ vip }) => vip)));
      if (line === undefined || (base === 'absent' && change.put.length === 0)) return;
      const isRouted = familiesIn(change.put).every((family) => routed.includes(family));
      if (base !== 'intact' || !isRouted) await putBase();
      // Every change may be repeated, so an nft that died is replaced and asked once more.
      const { complaints } = await tool.send([line]).catch(() => tool.send([line]));
      if (complaints.trim() !== '') {
        const complaint = parseComplaint(complaints);
        // Somebody took the table away: it is made anew the next time.
        base = undefined;
        const why = `nft refused to forward UDP: ${complaint?.message ?? complaints.trim().slice(0, 500)}`;
        throw complaint && isGone(complaint) ? new Error(why) : new ForwardingFailure(why, false);
      }
      await flows.forget([...change.put, ...change.remove]);
    },

    async forgetStrays(forwards) {
      if (!swept) await flows.forget(forwards);
      swept = true;
    },

    async retire() {
      if (base === 'absent') return;
      await removeForwarding(nft, options);
      base = 'absent';
      inForce.clear();
    },

    problems: () => flows.problems(base === 'intact'),
    close: () => tool.close(),
  };
}

const REMOVE = `add table inet ${TABLE}\ndelete table inet ${TABLE}\n`;
const REMEDY =
  'load the modules nft_chain_nat, nft_nat, nft_masq, nft_hash and nf_conntrack, or boot a kernel that has them';

async function look(nft: string, settings: BaseSettings): Promise<ForwardingObserved> {
  const [rules, ...elements] = await Promise.all([
    // Not of the one table: for that nft before 1.0.7 fetches every bucket of every forward, and then does not show it.
    run([nft, '-t', '-j', 'list', 'ruleset', 'inet']),
    // By name, for the same reason.
    ...LISTED_APART.map(({ kind, name }) => run([nft, '-j', 'list', kind, 'inet', TABLE, name])),
  ]);
  if (rules.code !== 0) throw new Error(`nft cannot list its rules: ${firstLine(rules.stderr)}`);
  const listed = [rules, ...elements.filter(({ code }) => code === 0)].map(({ stdout }) => stdout);
  return parseForwarding(listed, settings);
}

/** Takes the table away and restores what the kernel did before. That there is nothing of it is success. */
export async function removeForwarding(nft: string, paths: RouterPaths): Promise<void> {
  await runOrThrow([nft, '-f', '-'], { input: REMOVE });
  await openRouter(paths).restore();
}

function familiesIn(forwards: readonly Pick<ObservedForward, 'vip'>[]): readonly AddressFamily[] {
  return (['ipv4', 'ipv6'] as const).filter((family) => forwards.some(({ vip }) => familyOf(vip) === family));
}

function isGone({ message, at }: NftComplaint): boolean {
  return message.includes('No such file or directory') && at === TABLE;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]!.slice(0, 200) || 'it said nothing';
}
