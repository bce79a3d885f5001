import { Address4, Address6 } from 'ip-address';

export type AddressFamily = 'ipv4' | 'ipv6';

/**
 * An IP address in its one canonical form: dotted decimal, or RFC 5952.
 * Only `parseAddress` makes one, so equal addresses are equal strings.
 */
export type Address = string & { readonly __brand: 'Address' };

export type Parsed<T> = { ok: true; value: T } | { ok: false; error: string };

/**
 * Reads one address strictly: four decimal octets without leading zeros, or RFC 4291 text.
 * Refuses zone ids, prefixes, and IPv4-mapped IPv6 (`::ffff:1.2.3.4`), which would be a second name for a v4 address.
 */
export function parseAddress(text: string): Parsed<Address> {
  if (text.length > 45 || !/^[0-9A-Fa-f:.]+$/.test(text)) return notAnAddress(text);
  // Text of this form is canonical already. Thousands are read at a time: a parser would cost ten times as much.
  if (CANONICAL_IPV4.test(text)) return { ok: true, value: text as Address };
  if (Address6.isValid(text)) {
    const parsed = new Address6(text);
    if (parsed.bigInt() >> 32n === 0xffffn) {
      return { ok: false, error: `${text} is an IPv4 address written as IPv6: write it as IPv4` };
    }
    return { ok: true, value: parsed.correctForm() as Address };
  }
  return notAnAddress(text);
}

const CANONICAL_IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

function notAnAddress(text: string): Parsed<Address> {
  return { ok: false, error: `${JSON.stringify(text.slice(0, 64))} is not an IP address` };
}

/** The address, or a throw: for text that was checked before it was stored. */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function familyOf(address: Address): AddressFamily {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

export function addressToBigInt(address: Address): bigint {
  return familyOf(address) === 'ipv4' ? BigInt(ipv4ToNumber(address)) : new Address6(address).bigInt();
}

/** Of an address of IPv4. */
export function ipv4ToNumber(address: Address): number {
  let number = 0;
  let octet = 0;
  for (let at = 0; at < address.length; at += 1) {
    const code = address.charCodeAt(at);
    if (code === DOT) {
      number = number * 256 + octet;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  return number * 256 + octet;
}

const [DOT, ZERO] = [0x2e, 0x30];

/** The address at `value`, which must fit the family. */
export function addressFromBigInt(value: bigint, family: AddressFamily): Address {
  const parsed = family === 'ipv4' ? Address4.fromBigInt(value) : Address6.fromBigInt(value);
  return parsed.correctForm() as Address;
}

/** v4 before v6, then by number. */
export function compareAddresses(a: Address, b: Address): number {
  const families = familyOf(a).localeCompare(familyOf(b));
  if (families !== 0) return families;
  const difference = addressToBigInt(a) - addressToBigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The addresses in the order of their families; those of a family that is not named come last. */
export function orderByFamily(addresses: readonly Address[], families: readonly AddressFamily[]): readonly Address[] {
  const rank = (address: Address): number => {
    const index = families.indexOf(familyOf(address));
    return index < 0 ? families.length : index;
  };
  return [...addresses].sort((a, b) => rank(a) - rank(b) || compareAddresses(a, b));
}

/** `IPv4` or `IPv6`, as Kubernetes and people write it. */
export function familyText(family: AddressFamily): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6';
}

/** `1.2.3.4:80` or `[fd00::1]:80`. */
export function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Why an address can never be a backend, a VIP or a machine, or undefined when it can. */
export function specialUse(address: Address): string | undefined {
  const row = SPECIAL.find(([range]) => rangeContains(range, address));
  return row?.[1];
}

/** The same for a range: why some part of it can never be a backend, a VIP or a machine. */
export function specialUseWithin(range: AddressRange): string | undefined {
  const row = SPECIAL.find(([special]) => rangesOverlap(special, range));
  return row === undefined ? undefined : `includes ${formatRange(row[0])}, which ${row[1]}`;
}

/** First to last, both included. */
export interface AddressRange {
  readonly family: AddressFamily;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads `A-B`, `CIDR` or one address. Refuses host bits in a CIDR and a range that runs backwards. */
export function parseRange(text: string): Parsed<AddressRange> {
  if (text.includes('/')) return parseCidr(text);
  const [from, to, more] = text.split('-').map((part) => part.trim());
  if (more !== undefined) return { ok: false, error: `${JSON.stringify(text)} is not a range: write FIRST-LAST` };
  const first = parseAddress(from ?? '');
  if (!first.ok) return first;
  const last = to === undefined ? first : parseAddress(to);
  if (!last.ok) return last;
  if (familyOf(first.value) !== familyOf(last.value)) {
    return { ok: false, error: `${text} starts in one address family and ends in the other` };
  }
  const range = {
    family: familyOf(first.value),
    first: addressToBigInt(first.value),
    last: addressToBigInt(last.value),
  };
  if (range.last < range.first) return { ok: false, error: `${text} ends before it starts` };
  return { ok: true, value: range };
}

/** Reads a CIDR strictly: an address, `/`, a prefix length without leading zeros, and no host bits. */
export function parseCidr(text: string): Parsed<AddressRange> {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (!match) return { ok: false, error: `${JSON.stringify(text.slice(0, 64))} is not a CIDR such as 192.168.0.0/24` };
  const base = parseAddress(match[1]!);
  if (!base.ok) return base;
  const family = familyOf(base.value);
  const bits = family === 'ipv4' ? 32 : 128;
  const length = Number(match[2]);
  if (length > bits) return { ok: false, error: `${text}: a prefix length is at most ${bits} here` };
  const size = 1n << BigInt(bits - length);
  const first = addressToBigInt(base.value);
  if (first % size !== 0n) {
    const network = addressFromBigInt(first - (first % size), family);
    return { ok: false, error: `${text} has host bits set: did you mean ${network}/${length}?` };
  }
  return { ok: true, value: { family, first, last: first + size - 1n } };
}

export function rangeContains(range: AddressRange, address: Address): boolean {
  if (range.family !== familyOf(address)) return false;
  const value = addressToBigInt(address);
  return value >= range.first && value <= range.last;
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** `A-B`, or `A` when it is one address. */
export function formatRange(range: AddressRange): string {
  const first = addressFromBigInt(range.first, range.family);
  return range.first === range.last ? first : `${first}-${addressFromBigInt(range.last, range.family)}`;
}

function cidr(text: string): AddressRange {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

// IANA special-purpose registries (RFC 6890) and multicast (RFC 5771, RFC 4291).
const SPECIAL: ReadonlyArray<readonly [AddressRange, string]> = [
  [cidr('0.0.0.0/8'), 'is "this network"'],
  [cidr('127.0.0.0/8'), 'is a loopback address'],
  [cidr('169.254.0.0/16'), 'is a link-local address'],
  [cidr('224.0.0.0/4'), 'is a multicast address'],
  [cidr('240.0.0.0/4'), 'is a reserved address'],
  [cidr('::/128'), 'is the unspecified address'],
  [cidr('::1/128'), 'is a loopback address'],
  [cidr('fe80::/10'), 'is a link-local address'],
  [cidr('ff00::/8'), 'is a multicast address'],
];
