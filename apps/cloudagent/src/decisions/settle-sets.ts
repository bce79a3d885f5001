import { machineFamilyOf } from '@fairlead/ipam';
import { addressFromBigInt, rangeContains } from '@fairlead/model';
import type { Address, AddressRange } from '@fairlead/model';
import type { Draft } from '../truth/draft.ts';
import type { NodeIpPoolResource } from '../resources/types.ts';
import type { SetRecord, Truth } from '../truth/truth.ts';

/**
 * Gives every new load balancer set its VRID and its VRRP address, which it then keeps, and takes them from sets that
 * are gone. A set whose NodeIpPool has no free address stays without: see `unsettledSets`. PURE.
 */
export function settleSets(draft: Draft, siteName: string): void {
  for (const name of draft.truth.sets.keys()) {
    if (draft.truth.site.sets.has(name)) continue;
    draft.take({ sets: new Map([[name, undefined]]) });
    draft.bump();
  }
  for (const { name, spec } of draft.truth.site.sets.values()) {
    const known = draft.truth.sets.get(name);
    // Elsewhere means something only when the set has moved to another network as a whole.
    if (known?.network === draft.truth.site.nodeIpPools.get(spec.nodeIpPool)?.spec.network) continue;
    const record = settle(draft.truth, name, spec.nodeIpPool, siteName);
    if (record === undefined) continue;
    draft.take({ sets: new Map([[name, record]]) });
    draft.bump();
  }
}

/** Sets that no machine can serve yet because nothing is left for their VRRP address, each one sentence. PURE. */
export function unsettledSets(truth: Pick<Truth, 'site' | 'sets'>): readonly string[] {
  return [...truth.site.sets.values()]
    .filter(({ name }) => !truth.sets.has(name))
    .map(
      ({ name, spec }) =>
        `LoadBalancerSet/${name} has no VRRP address: add a free one to NodeIpPool/${spec.nodeIpPool}`,
    );
}

function settle(truth: Truth, set: string, poolName: string, siteName: string): SetRecord | undefined {
  const pool = truth.site.nodeIpPools.get(poolName);
  const anchorAddress = pool && anchorIn(pool, truth);
  if (pool === undefined || anchorAddress === undefined) return undefined;
  const { network } = pool.spec;
  const taken = new Set(
    [...truth.sets.values()].filter((other) => other.network === network).map((other) => other.virtualRouterId),
  );
  return { virtualRouterId: freeRouterId(`${siteName}/${set}`, taken), anchorAddress, network };
}

/** The highest free one: people number their machines from the lower end. */
function anchorIn({ spec }: NodeIpPoolResource, truth: Truth): Address | undefined {
  const occupied = truth.occupied.map(({ range }) => range);
  const vipRanges = [...truth.site.vipPools.values()].flatMap((pool) => pool.spec.ranges);
  const avoid: readonly AddressRange[] = [...occupied, ...vipRanges, ...spec.exclude];
  const family = machineFamilyOf(spec);
  const ranges = spec.ranges.filter((range) => range.family === family).sort((a, b) => (a.last < b.last ? 1 : -1));
  for (const { first, last } of ranges) {
    for (let value = last; value >= first; value--) {
      const candidate = addressFromBigInt(value, family);
      if (!avoid.some((range) => rangeContains(range, candidate))) return candidate;
    }
  }
  return undefined;
}

/**
 * A VRID that no set on the network has. Starts at a hash of the name, so that sites that know nothing of each other
 * seldom meet, and so that the numbers everybody else starts with (1, 51) are seldom hit.
 */
function freeRouterId(name: string, taken: ReadonlySet<number>): number {
  const start = hash(name) % 255;
  for (let step = 0; step < 255; step++) {
    const candidate = ((start + step) % 255) + 1;
    if (!taken.has(candidate)) return candidate;
  }
  throw new Error('a network has at most 255 VRRP instances: move a LoadBalancerSet to another network');
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193) >>> 0;
  return value;
}
