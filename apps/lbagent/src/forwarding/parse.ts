import { type Address, parseAddress } from '@fairlead/model';
import { baseChains, baseComment, type BaseSettings, TABLE } from './base.ts';
import { FAMILIES } from './families.ts';
import { bucketMapName, forwardComment, forwardName, parseForwardName } from './render.ts';
import type { ForwardingObserved, ObservedForward } from './types.ts';

interface Listing {
  readonly nftables: readonly ListedObject[];
}

interface ListedObject {
  readonly table?: { readonly name: string };
  readonly chain?: {
    readonly table: string;
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly prio?: number;
    readonly policy?: string;
  };
  readonly set?: ListedSet;
  readonly map?: ListedSet;
  readonly rule?: { readonly table: string; readonly chain: string; readonly comment?: string };
}

interface ListedSet {
  readonly table: string;
  readonly name: string;
  readonly type: unknown;
  readonly flags?: unknown;
  readonly elem?: readonly unknown[];
}

/**
 * PURE. Judges the answers to `nft -t -j list ruleset inet` and to the listing of the sets of addresses and ports, which
 * `-t` leaves out; other tables are passed over. The maps of buckets need no look: while a rule uses them, nobody can
 * change them.
 */
export function parseForwarding(listings: readonly string[], settings: BaseSettings): ForwardingObserved {
  const objects = listings.flatMap((json) => (JSON.parse(json) as Listing).nftables).filter(isOurs);
  if (objects.length === 0) return { base: 'absent', forwards: [] };
  const seen = index(objects);
  if (!isIntact(seen, settings)) return { base: 'altered', forwards: forwardsOf(seen) };
  return { base: 'intact', forwards: forwardsOf(seen) };
}

function isOurs({ table, chain, set, map, rule }: ListedObject): boolean {
  return table?.name === TABLE || (chain ?? set ?? map ?? rule)?.table === TABLE;
}

interface Seen {
  readonly chains: ReadonlyMap<string, NonNullable<ListedObject['chain']>>;
  readonly maps: ReadonlyMap<string, ListedSet>;
  /** Comments of the rules of each chain. */
  readonly comments: ReadonlyMap<string, readonly (string | undefined)[]>;
  /** What each set or map of addresses and ports holds, as text. */
  readonly elements: ReadonlyMap<string, ReadonlySet<string>>;
  readonly types: ReadonlyMap<string, string>;
}

function index(objects: readonly ListedObject[]): Seen {
  const comments = new Map<string, (string | undefined)[]>();
  const elements = new Map<string, ReadonlySet<string>>();
  const types = new Map<string, string>();
  for (const { rule, set, map } of objects) {
    if (rule) comments.set(rule.chain, [...(comments.get(rule.chain) ?? []), rule.comment]);
    const each = set ?? map;
    if (!each || !SHARED.has(each.name)) continue;
    types.set(each.name, JSON.stringify(each.type));
    if (each.elem) elements.set(each.name, new Set(each.elem.map((one) => JSON.stringify(one))));
  }
  return {
    chains: new Map(objects.flatMap(({ chain }) => (chain ? [[chain.name, chain] as const] : []))),
    maps: new Map(objects.flatMap(({ map }) => (map ? [[map.name, map] as const] : []))),
    comments,
    elements,
    types,
  };
}

/** Sets and maps that all forwards share, with their type. */
const SHARED: ReadonlyMap<string, string> = new Map(
  Object.values(FAMILIES).flatMap(({ type, vips, ports, chains }) => [
    [vips, JSON.stringify(type)],
    [ports, JSON.stringify([type, 'inet_service'])],
    [chains, JSON.stringify([type, 'inet_service'])],
  ]),
);

/** Names of what `-t` leaves out and must be listed apart. */
export const LISTED_APART = Object.values(FAMILIES).flatMap(({ vips, ports, chains }) => [
  { kind: 'set', name: vips },
  { kind: 'set', name: ports },
  { kind: 'map', name: chains },
]);

function isIntact({ chains, comments, types }: Seen, settings: BaseSettings): boolean {
  const shared = [...SHARED].every(([name, type]) => types.get(name) === type);
  return (
    shared &&
    baseChains(settings).every(({ name, type, hook, priority, rules }) => {
      const chain = chains.get(name);
      const found = comments.get(name) ?? [];
      return (
        chain?.type === type &&
        chain.hook === hook &&
        chain.prio === priority &&
        chain.policy === 'accept' &&
        found.length === rules.length &&
        found.every((comment, at) => comment === baseComment(settings, at))
      );
    })
  );
}

/** Every forward of which anything is left, so that what is broken can be put right or taken away. */
function forwardsOf(seen: Seen): readonly ObservedForward[] {
  return [...seen.chains.keys()].flatMap((name) => {
    const parsed = parseForwardName(name);
    const vip = parsed && parseAddress(parsed.vip);
    if (!parsed || vip?.ok !== true) return [];
    return [{ vip: vip.value, port: parsed.port, seal: observedSeal(seen, vip.value, parsed.port) }];
  });
}

function observedSeal(seen: Seen, vip: Address, port: number): string {
  const name = forwardName({ vip, port });
  const { vips, ports, chains } = FAMILIES[vip.includes(':') ? 'ipv6' : 'ipv4'];
  const [comment, ...more] = seen.comments.get(name) ?? [];
  const at = { concat: [vip, port] };
  const isLedTo =
    seen.elements.get(vips)?.has(JSON.stringify(vip)) === true &&
    seen.elements.get(ports)?.has(JSON.stringify(at)) === true &&
    seen.elements.get(chains)?.has(JSON.stringify([at, { goto: { target: name } }])) === true;
  const buckets = (['few', 'many'] as const).flatMap((kind) => seen.maps.get(bucketMapName({ vip, port }, kind)) ?? []);
  const isConstant = buckets.length === 1 && JSON.stringify(buckets[0]!.flags) === '["constant"]';
  const prefix = forwardComment('');
  if (!isLedTo || !isConstant || more.length > 0 || comment?.startsWith(prefix) !== true) return '';
  return comment.slice(prefix.length);
}
