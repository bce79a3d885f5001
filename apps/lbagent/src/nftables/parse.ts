import { address } from '@fairlead/model';
import { baseChains, baseSets, ruleComment, SETS, TABLE } from './ruleset.ts';
import type { CaughtPort, NftablesObserved, RulesetSettings } from './types.ts';

interface Listing {
  readonly nftables: readonly ListedObject[];
}

interface ListedObject {
  readonly chain?: { readonly name: string; readonly hook?: string; readonly prio?: number; readonly policy?: string };
  readonly set?: { readonly name: string; readonly type: unknown; readonly elem?: readonly ListedElement[] };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

interface ListedElement {
  readonly concat: readonly [string, number];
}

const PRIORITY = { raw: -300, 'raw + 1': -299, mangle: -150, 'mangle + 1': -149 } as const;
const TYPES = { [SETS.ipv4]: 'ipv4_addr', [SETS.ipv6]: 'ipv6_addr' } as const;

/** PURE. Judges the answers to `nft -j list table … fairlead` by the settings the base was made from. */
export function parseListing(tables: readonly string[], settings: RulesetSettings): NftablesObserved {
  const objects = tables.flatMap((json) => (JSON.parse(json) as Listing).nftables);
  const sets = objects.flatMap(({ set }) => (set ? [set] : [])).filter(({ name }) => name in TYPES);
  const caught = sets.flatMap((set) => (set.elem ?? []).map(parseElement));
  return { base: isIntact(objects, settings) ? 'intact' : 'altered', caught };
}

function parseElement(element: ListedElement): CaughtPort {
  const [host, port] = element.concat;
  return { address: address(host), port };
}

function isIntact(objects: readonly ListedObject[], settings: RulesetSettings): boolean {
  const sets = Object.entries(TYPES).every(([name, type]) =>
    objects.some(
      ({ set }) => set?.name === name && JSON.stringify(set.type) === JSON.stringify([type, 'inet_service']),
    ),
  );
  const ofRules = baseSets(settings).every(({ name }) => objects.some(({ set }) => set?.name === name));
  return (
    sets &&
    ofRules &&
    baseChains(settings).every((chain) => {
      const listed = objects.find((object) => object.chain?.name === chain.name)?.chain;
      const comments = objects.flatMap(({ rule }) => (rule?.chain === chain.name ? [rule.comment] : []));
      return (
        listed !== undefined &&
        listed.hook === chain.hook &&
        listed.prio === (chain.priority && PRIORITY[chain.priority]) &&
        listed.policy === (chain.hook && 'accept') &&
        comments.length === chain.rules.length &&
        comments.every((comment, index) => comment === ruleComment(settings, index))
      );
    })
  );
}

/** Why nft refused a line. */
export interface NftComplaint {
  /** nft's own words, one line. */
  readonly message: string;
  /** The piece of the line that nft points at. */
  readonly at?: string;
}

/** PURE. Reads `Error: …`, the echoed line and the row of carets below it; the first complaint counts. */
export function parseComplaint(text: string): NftComplaint | undefined {
  const lines = text.split('\n');
  const index = lines.findIndex((line) => line.includes('Error: '));
  if (index < 0) return undefined;
  const message = lines[index]!.slice(lines[index]!.indexOf('Error: ') + 'Error: '.length);
  const carets = /\^+/.exec(lines[index + 2] ?? '');
  if (!carets) return { message };
  return { message, at: lines[index + 1]!.slice(carets.index, carets.index + carets[0].length) };
}

/** PURE. True when nft says that table or set is not there. */
export function isMissing(complaint: NftComplaint): boolean {
  const names: readonly (string | undefined)[] = [undefined, TABLE, SETS.ipv4, SETS.ipv6];
  return complaint.message.includes('No such file or directory') && names.includes(complaint.at);
}
