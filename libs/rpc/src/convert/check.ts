import { parseAddress, parseCidr, familyOf, type Address } from '@fairlead/model';
import { failure, type RpcFailure } from '../failure.ts';

/** INVALID_ARGUMENT about one field, named as the contract names it, for example "ports[0].target". */
export function invalid(field: string, problem: string): RpcFailure {
  return failure('INVALID_ARGUMENT', 'INVALID_FIELD', `${field}: ${problem}`, field);
}

/** The field itself, or a throw when a message was left out. */
export function required<T>(value: T | null | undefined, field: string): T {
  if (value === null || value === undefined) throw invalid(field, 'is missing');
  return value;
}

export function readAddress(text: string, field: string): Address {
  const parsed = parseAddress(text);
  if (!parsed.ok) throw invalid(field, parsed.error);
  return parsed.value;
}

/** Addresses of which each family has at most one. */
export function readAddressPerFamily(texts: readonly string[], field: string): Address[] {
  const addresses = texts.map((text, index) => readAddress(text, `${field}[${index}]`));
  if (new Set(addresses.map(familyOf)).size < addresses.length) {
    throw invalid(field, 'has two addresses of one family: give at most one IPv4 and one IPv6 address');
  }
  return addresses;
}

/** A CIDR in its one canonical form. */
export function readCidr(text: string, field: string): string {
  const parsed = parseCidr(text);
  if (!parsed.ok) throw invalid(field, parsed.error);
  const [base, length] = text.split('/');
  return `${readAddress(base!, field)}/${length}`;
}

export function readPort(port: number, field: string): number {
  return readInteger(port, field, [1, 65_535]);
}

export function readInteger(value: number, field: string, [least, most]: readonly [number, number]): number {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(field, `is ${value}: must be a whole number from ${least} to ${most}`);
  }
  return value;
}

/** A count that never shrinks: what a uint64 may hold here, up to 2^53 - 1. */
export function readCount(value: number, field: string): number {
  return readInteger(value, field, [0, Number.MAX_SAFE_INTEGER]);
}

/** A name as Kubernetes and we give them: at most 253 letters, digits, ".", "-", "_", a letter or digit at both ends. */
export function readName(text: string, field: string): string {
  return matching(text, field, { pattern: NAME, what: 'a name of at most 253 letters, digits, ".", "-" and "_"' });
}

/** A name, or empty. */
export function readOptionalName(text: string, field: string): string {
  return text === '' ? '' : readName(text, field);
}

/** A Service UID, or "static/NAME", "control-plane/CLUSTER". */
export function readId(text: string, field: string): string {
  return matching(text, field, { pattern: ID, what: 'an id of at most 253 letters, digits, ".", "-", "_" and "/"' });
}

/** A link name as Linux allows it, without what a shell or a config file could take for something else. */
export function readDevice(text: string, field: string): string {
  return matching(text, field, { pattern: DEVICE, what: 'a link name of at most 15 letters, digits, ".", "-", "_"' });
}

/** An absolute path with optional query, characters of RFC 3986 only. */
export function readHttpPath(text: string, field: string): string {
  return matching(text, field, { pattern: HTTP_PATH, what: 'an absolute URL path of at most 1024 characters' });
}

/** Text for people: at most 4,000 characters, control characters become blanks. */
export function readProse(text: string): string {
  return text.slice(0, 4_000).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** Labels with keys and values as Kubernetes allows them. */
export function readLabels(labels: Readonly<Record<string, string>>, field: string): Record<string, string> {
  const entries = Object.entries(labels);
  for (const [key, value] of entries) {
    if (!LABEL_KEY.test(key)) throw invalid(field, `${JSON.stringify(key.slice(0, 64))} is not a label key`);
    if (!LABEL_VALUE.test(value))
      throw invalid(`${field}[${key}]`, 'is not a label value: at most 63 letters, digits, ".", "-", "_"');
  }
  return Object.fromEntries(entries);
}

/** Throws when two of the keys are equal. */
export function distinct(keys: readonly (string | number)[], field: string): void {
  const seen = new Set<string | number>();
  for (const key of keys) {
    if (seen.has(key)) throw invalid(field, `has ${JSON.stringify(key)} twice`);
    seen.add(key);
  }
}

function matching(text: string, field: string, { pattern, what }: { pattern: RegExp; what: string }): string {
  if (!pattern.test(text)) throw invalid(field, `is ${JSON.stringify(text.slice(0, 64))}: must be ${what}`);
  return text;
}

const NAME = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const ID = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/;
const DEVICE = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,15}$/;
const HTTP_PATH = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]{0,1023}$/;
const LABEL_KEY = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;
