import { address } from '@fairlead/model';
import { renderBase, TABLE as FORWARDING_TABLE } from '../forwarding/base.ts';
import { renderChange } from '../forwarding/render.ts';
import { DEFAULT_RULE_PRIORITY, DEFAULT_TABLE } from '../links/routing.ts';
import { parseComplaint } from '../nftables/parse.ts';
import { DEFAULT_MARK, renderRuleset, tableFamilies } from '../nftables/ruleset.ts';
import type { RulesetSettings } from '../nftables/types.ts';
import { run } from '../processes/run.ts';
import type { KernelTried } from './preflight.ts';

export interface KernelTools {
  /** Paths. */
  readonly nft: string;
  readonly ip: string;
}

const TABLE = 'fairlead_tried';
/** Behind our own rule, so that it never decides anything. */
const PRIORITY = DEFAULT_RULE_PRIORITY + 1;

/** Without another member nothing is sent on, and nothing of it would be tried. */
const MEMBER = address('192.0.2.3');

/** Has the kernel judge our rules without putting them in force (`nft --check`), and adds and removes a policy rule. */
export async function tryKernel({ nft, ip }: KernelTools, settings: RulesetSettings): Promise<KernelTried> {
  const ruleset = { ...settings, vrrpPeers: settings.vrrpPeers.length > 0 ? settings.vrrpPeers : [MEMBER] };
  const table = `add table inet ${TABLE}\n`;
  const chain = `add chain inet ${TABLE} catch { type filter hook prerouting priority mangle; policy accept; }\n`;
  const rule = `add rule inet ${TABLE} catch ip daddr 192.0.2.1 tcp dport 1 tproxy ip to 127.0.0.1:1 accept\n`;
  const anew = tableFamilies(ruleset)
    .map((family) => `add table ${family} fairlead\ndelete table ${family} fairlead\n`)
    .join('');
  const [all, policyRouting, forwarding] = await Promise.all([
    check(nft, anew + renderRuleset(ruleset)),
    tryPolicyRule(ip),
    check(nft, tryForwarding()),
  ]);
  // What takes all takes each.
  if (all === undefined) return { ...NOTHING_AMISS, policyRouting, forwarding };
  const [nftables, tproxy, lesser, ipv4] = await Promise.all([
    check(nft, table),
    check(nft, table + chain + rule),
    check(nft, anew + renderRuleset({ ...ruleset, secondChance: false })),
    check(nft, anew + renderRuleset({ ...ruleset, secondChance: 'ipv4' })),
  ]);
  const secondChance = { ipv4, ipv6: all };
  return { nftables, tproxy, ruleset: lesser, secondChance, policyRouting, forwarding };
}

const NOTHING_AMISS = {
  nftables: undefined,
  tproxy: undefined,
  ruleset: undefined,
  secondChance: { ipv4: undefined, ipv6: undefined },
};

async function check(nft: string, input: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await run([nft, '--check', '-f', '-'], { input });
  if (code === 0) return undefined;
  return firstLine(parseComplaint(stderr)?.message ?? (stderr || stdout));
}

/** The base of what forwards UDP, and one forward. */
function tryForwarding(): string {
  const vip = address('192.0.2.1');
  const backend = { name: 'backend', address: address('192.0.2.2'), port: 1 };
  const forward = { vip, port: 1, loadBalancerId: '', backends: [backend], draining: [] };
  const put = renderChange({ put: [forward], remove: [] }, new Set([vip])) ?? '';
  const away = `add table inet ${FORWARDING_TABLE}\ndelete table inet ${FORWARDING_TABLE}\n`;
  return `${away}${renderBase({ guard: ['ipv4'] })}${put}\n`;
}

async function tryPolicyRule(ip: string): Promise<string | undefined> {
  const mark = `0x${DEFAULT_MARK.value.toString(16)}/0x${DEFAULT_MARK.mask.toString(16)}`;
  const rule = ['priority', String(PRIORITY), 'fwmark', mark, 'lookup', String(DEFAULT_TABLE)];
  const added = await run([ip, 'rule', 'add', ...rule]);
  // One that a killed lbagent left is removed as well.
  if (added.code !== 0 && !added.stderr.includes('File exists')) return firstLine(added.stderr);
  await run([ip, 'rule', 'del', ...rule]);
  return undefined;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]!.slice(0, 200) || 'it said nothing';
}
