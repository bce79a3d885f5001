import type { Algorithm } from '@fairlead/model';
import { ALGORITHMS, isCheckPath } from '@fairlead/model';

/** What may stand in an annotation: a rule for people, values that show it, and its reading. */
export interface ValueKind<T> {
  /** Completes "write …"; has units and range. */
  readonly rule: string;
  readonly examples: readonly string[];
  /** Values that are refused; the likely slips. */
  readonly refused: readonly string[];
  /** Undefined: refused by the rule. */
  parse(text: string): T | undefined;
}

/** Text that is read where it is used, together with the rest of the Service. */
export function readElsewhere(kind: Omit<ValueKind<string>, 'parse'>): ValueKind<string> {
  return { ...kind, parse: (text) => text };
}

export function choice<const T extends string>(options: readonly T[]): ValueKind<T> {
  return {
    rule: `one of ${options.join(', ')}`,
    examples: options,
    refused: ['', ` ${options[0]!}`, options[0]!.toUpperCase() === options[0] ? 'x' : options[0]!.toUpperCase()],
    parse: (text) => options.find((option) => option === text),
  };
}

export const ALGORITHM: ValueKind<Algorithm> = choice(ALGORITHMS);

/** A whole number without sign, leading zeros or separators. */
export function count([least, most]: readonly [number, number]): ValueKind<number> {
  return {
    rule: `a whole number from ${least} to ${most}`,
    examples: [String(least), String(most)],
    refused: ['', String(least - 1), String(most + 1), '1.5', '0x10', '1e3', '010', '١'],
    parse: (text) => within(/^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : NaN, least, most),
  };
}

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** One number and one unit; milliseconds. */
export function duration([least, most]: readonly [number, number]): ValueKind<number> {
  return {
    rule: `a whole number with one unit of ms, s, m, h, d, from ${inWords(least)} to ${inWords(most)}`,
    examples: [inWords(least), '90s', inWords(most)],
    refused: ['', '30', '-1s', '1.5s', '1h30m', '30 s', '30S', `${least - 1}ms`, `${most + 1}ms`],
    parse(text) {
      const match = /^([1-9]\d{0,9})(ms|s|m|h|d)$/.exec(text);
      return within(match ? Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS] : NaN, least, most);
    },
  };
}

function within(value: number, least: number, most: number): number | undefined {
  return value >= least && value <= most ? value : undefined;
}

/** In the largest unit that leaves a whole number: `90s`, `24d`. */
export function inWords(milliseconds: number): string {
  const [unit, size] = Object.entries(UNITS_MS).findLast(([, each]) => milliseconds % each === 0)!;
  return `${milliseconds / size}${unit}`;
}

export const POOL_NAME: ValueKind<string> = {
  rule: 'the name of a pool: lower case letters, digits, "-" and "."',
  examples: ['dmz', 'pool-2.example'],
  refused: ['', 'DMZ', 'a b', '-a', 'a\nb'],
  parse: (text) => (text.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) ? text : undefined),
};

export const SHARING_KEY: ValueKind<string> = {
  rule: 'at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends',
  examples: ['web', 'team-1.dns'],
  refused: ['', ' web', 'a b', '-a', 'a\nb', 'a/b', 'ａ', 'x'.repeat(64)],
  parse: (text) => (/^(?=.{1,63}$)[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text) ? text : undefined),
};

/** What is asked of a backend to know whether it lives. */
export type WantedCheck =
  { readonly kind: 'node' } | { readonly kind: 'node-port' } | { readonly kind: 'http'; readonly path: string };

export const CHECK: ValueKind<WantedCheck> = {
  rule: 'node, node-port, or http: with an absolute URL path of at most 256 plain characters',
  examples: ['node', 'node-port', 'http:/healthz', 'http:/ready?full=1'],
  refused: ['', 'tcp', 'http', 'http:', 'http:ready', 'http:/a b', 'http:/a#b', 'http:/"; }', 'node\n'],
  parse(text) {
    if (text === 'node' || text === 'node-port') return { kind: text };
    const path = text.startsWith('http:') ? text.slice('http:'.length) : '';
    return path !== '' && isCheckPath(path) ? { kind: 'http', path } : undefined;
  },
};

/** PROXY protocol of which version, and for which ports of the Service. */
export interface WantedProxyProtocol {
  readonly version: 1 | 2;
  readonly ports: 'all' | readonly number[];
}

export const PROXY_PROTOCOL: ValueKind<WantedProxyProtocol> = {
  rule: 'v1 or v2, for some ports only with ":" and these ports of the Service, such as v2:443,8443',
  examples: ['v1', 'v2', 'v2:80'],
  refused: ['', 'v3', '2', 'V2', 'v2:', 'v2:0', 'v2:65536', 'v2:080', 'v2:80,', 'v2:80,80', 'v2 : 80'],
  parse(text) {
    const match = text.length <= 1024 ? /^v([12])(?::(\d{1,5}(?:,\d{1,5})*))?$/.exec(text) : null;
    if (!match) return undefined;
    const version = match[1] === '1' ? 1 : 2;
    if (match[2] === undefined) return { version, ports: 'all' };
    const ports = match[2].split(',').map((port) => (port.startsWith('0') ? NaN : Number(port)));
    const sound = ports.every((port) => port >= 1 && port <= 65_535) && new Set(ports).size === ports.length;
    return sound ? { version, ports } : undefined;
  },
};
