import { addressToBigInt, familyOf, parseAddress, parseCidr } from './address.ts';
import type { AddressFamily, AddressRange, Parsed } from './address.ts';

/**
 * One range of clients in its canonical form. Blanks around it are passed over; host bits, leading zeros, zones, and IPv4
 * written as IPv6 are refused: each of them has been read in two ways, and one of these is open to more than was meant.
 */
export function parseSourceRange(text: string): Parsed<string> {
  const trimmed = text.trim();
  const parsed = parseCidr(trimmed);
  if (!parsed.ok) return parsed;
  const [base, length] = trimmed.split('/') as [string, string];
  const address = parseAddress(base);
  return address.ok ? { ok: true, value: `${address.value}/${length}` } : address;
}

/**
 * Who may reach an address of that family, as disjoint CIDRs in order: of ranges one inside the other, the outer one.
 * Empty: nobody. Undefined: everyone.
 */
export function allowedSources(ranges: readonly string[], family: AddressFamily): readonly string[] | undefined {
  const known = allowed.get(ranges) ?? {};
  if (family in known) return known[family];
  const found = outermost(ranges, family);
  allowed.set(ranges, { ...known, [family]: found });
  return found;
}

// A node that comes or goes has every load balancer read anew, but no ranges change by it.
const allowed = new WeakMap<readonly string[], Partial<Record<AddressFamily, readonly string[] | undefined>>>();

function outermost(texts: readonly string[], family: AddressFamily): readonly string[] | undefined {
  const kept = apart(texts, family);
  return kept[0]?.text.endsWith('/0') === true ? undefined : kept.map(({ text }) => text);
}

interface Read {
  readonly text: string;
  readonly range: AddressRange;
}

/** In order, none inside another: two CIDRs are apart, or one is inside the other. */
function apart(texts: readonly string[], family: AddressFamily): readonly Read[] {
  const sorted = texts
    .filter((text) => text.includes(':') === (family === 'ipv6'))
    .map((text): Read => ({ text, range: rangeOf(text) }))
    .sort((a, b) => compare(a.range.first, b.range.first) || compare(b.range.last, a.range.last));
  const kept: Read[] = [];
  for (const each of sorted) if (each.range.first > (kept.at(-1)?.range.last ?? -1n)) kept.push(each);
  return kept;
}

/** Tells of many clients whether each is in one of the ranges. Text that is no address is in none. */
export function sourceCheck(ranges: readonly string[]): (client: string) => boolean {
  const known = { ipv4: apart(ranges, 'ipv4'), ipv6: apart(ranges, 'ipv6') };
  return (client) => {
    const parsed = parseAddress(client);
    return parsed.ok && isInOne(known[familyOf(parsed.value)], addressToBigInt(parsed.value));
  };
}

/** By halves: there may be thousands. */
function isInOne(sorted: readonly Read[], value: bigint): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.range.last < value) low = middle + 1;
    else high = middle;
  }
  return (sorted[low]?.range.first ?? value + 1n) <= value;
}

function rangeOf(cidr: string): AddressRange {
  const parsed = parseCidr(cidr);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
