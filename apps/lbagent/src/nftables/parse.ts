import { address } from '@fairlead/model';
import { limitKey } from './limits.ts';
import { ALLOWED, baseChains, baseSets, LIMITED, OWN_SETS, ruleComment, SETS, TABLE } from './ruleset.ts';
import type { CaughtPort, Limit, LimitedPort, NftablesObserved, RulesetSettings } from './types.ts';

interface Listing {
  readonly nftables: readonly ListedObject[];
}

interface ListedObject {
  readonly chain?: { readonly name: string; readonly hook?: string; readonly prio?: number; readonly policy?: string };
  readonly set?: { readonly name: string; readonly type: unknown; readonly elem?: readonly ListedElement[] };
  readonly rule?: { readonly chain: string; readonly comment?: string };
}

interface ListedElement {
  readonly concat: readonly (string | number | ListedPrefix)[];
}

interface ListedPrefix {
  readonly prefix: { readonly addr: string; readonly len: number };
}

const PRIORITY = { raw: -300, 'raw + 1': -299, mangle: -150, 'mangle + 1': -149 } as const;

/** PURE. Judges the answers to `nft -j list table … fairlead` by the settings the base was made from. */
export function parseListing(tables: readonly string[], settings: RulesetSettings): NftablesObserved {
  const objects = tables.flatMap((json) => (JSON.parse(json) as Listing).nftables);
  const elements = (names: Readonly<Record<string, string>>): readonly ListedElement[] =>
    objects.flatMap(({ set }) => (set && Object.values(names).includes(set.name) ? (set.elem ?? []) : []));
  const base = isIntact(objects, settings) ? 'intact' : 'altered';
  return { base, caught: elements(SETS).map(parseCaught), limits: limitsOf(elements(LIMITED), elements(ALLOWED)) };
}

function parseCaught({ concat }: ListedElement): CaughtPort {
  const [host, port] = concat as [string, number];
  return { address: address(host), port };
}

function limitsOf(limited: readonly ListedElement[], allowed: readonly ListedElement[]): readonly Limit[] {
  const found = new Map<string, { port: LimitedPort; inForce: boolean; allowed: string[] }>();
  const at = (element: ListedElement) => {
    const port = parseLimited(element);
    const key = limitKey(port);
    const known = found.get(key) ?? { port, inForce: false, allowed: [] };
    found.set(key, known);
    return known;
  };
  for (const element of limited) at(element).inForce = true;
  for (const element of allowed) at(element).allowed.push(parseSource(element.concat[3]!));
  return [...found.values()].map(({ port, ...rest }) => ({ ...port, ...rest }));
}

function parseLimited({ concat }: ListedElement): LimitedPort {
  const [host, protocol, port] = concat as [string, string | number, number];
  // Without /etc/protocols nft knows numbers only.
  return { address: address(host), protocol: protocol === 'udp' || protocol === 17 ? 'udp' : 'tcp', port };
}

function parseSource(source: string | number | ListedPrefix): string {
  if (typeof source === 'object') return `${address(source.prefix.addr)}/${source.prefix.len}`;
  const host = address(String(source));
  return `${host}/${host.includes(':') ? 128 : 32}`;
}

function isIntact(objects: readonly ListedObject[], settings: RulesetSettings): boolean {
  const sets = Object.entries(OWN_SETS).every(([name, types]) =>
    objects.some(({ set }) => set?.name === name && JSON.stringify(set.type) === JSON.stringify(types)),
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
  const names: readonly (string | undefined)[] = [undefined, TABLE, ...Object.keys(OWN_SETS)];
  return complaint.message.includes('No such file or directory') && names.includes(complaint.at);
}
