import { parseAddress, parseCidr, parseRange, parseSourceRange, specialUse } from '@fairlead/model';
import type { Address, Parsed } from '@fairlead/model';
import * as z from 'zod';
import { closest } from '../closest.ts';

/** Text that `parse` understands, as what it means. */
export function parsed<Value>(parse: (text: string) => Parsed<Value>) {
  return z.string().transform((text, context) => {
    const outcome = parse(text);
    if (outcome.ok) return outcome.value;
    context.issues.push({ code: 'custom', message: outcome.error, input: text });
    return z.NEVER;
  });
}

/** One of `choices`, spelt exactly. `later`: values that mean something to us, but that we do not serve yet. */
export function choice<Value extends string>(choices: readonly Value[], later: readonly string[] = []) {
  return parsed<Value>((text) => {
    const found = choices.find((candidate) => candidate === text);
    if (found !== undefined) return { ok: true, value: found };
    const list = choices.join(' or ');
    if (later.includes(text)) return { ok: false, error: `${text} is not served yet: write ${list}` };
    const meant = closest(text, choices);
    const hint = meant === undefined || choices.length === 1 ? `write ${list}` : `did you mean ${meant}?`;
    return { ok: false, error: `${JSON.stringify(text.slice(0, 64))} is not known here: ${hint}` };
  });
}

/** RFC 1123 label: names go into certificates, keepalived.conf and file names. */
export const name = parsed<string>((text) => {
  if (/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text) && text.length <= 63) return { ok: true, value: text };
  const error = `${JSON.stringify(text.slice(0, 64))} is not a name: use at most 63 small letters, digits and "-", with a letter or digit at both ends`;
  return { ok: false, error };
});

/** An address of either family. */
export const address = parsed(parseAddress);

/** An address to which traffic is sent. */
export const backendAddress = parsed<Address>((text) => {
  const address = parseAddress(text);
  if (!address.ok) return address;
  const special = specialUse(address.value);
  return special === undefined ? address : { ok: false, error: `${text} ${special}: it can never be a backend` };
});

/** A pool's range, of either family. */
export const range = parsed(parseRange);

export const cidr = parsed(parseCidr);

/** Clients who may connect, as a canonical CIDR of either family. */
export const sourceRange = parsed(parseSourceRange);

export const port = z.int().min(1).max(65_535);

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `100ms`, `60s`, `5m`, `24h`, `1h30m`; never a bare number. In milliseconds. */
export function duration(least: number, most: number) {
  const number = z.number().transform((value, context) => {
    context.issues.push({
      code: 'custom',
      message: `${value} has no unit: write ${value}s or ${value}ms`,
      input: value,
    });
    return z.NEVER;
  });
  return z.union([parsed((text) => parseDuration(text, least, most)), number]);
}

function parseDuration(text: string, least: number, most: number): Parsed<number> {
  if (!/^(\d{1,9}(ms|s|m|h|d))+$/.test(text)) {
    const error = `${JSON.stringify(text.slice(0, 64))} is not a time span: write a number and ms, s, m, h or d, for example 60s`;
    return { ok: false, error };
  }
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(digits) * UNITS[unit!]!;
  if (total >= least && total <= most) return { ok: true, value: total };
  return { ok: false, error: `${text} is out of bounds: write ${formatDuration(least)} to ${formatDuration(most)}` };
}

function formatDuration(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = milliseconds / (UNITS[unit] ?? 1);
    if (Number.isInteger(count)) return `${count}${unit === 'd' && count === 0 ? 's' : unit}`;
  }
  return `${milliseconds}ms`;
}

const MEMORY: Readonly<Record<string, number>> = { Mi: 2 ** 20, Gi: 2 ** 30, M: 1e6, G: 1e9 };

/** `2Gi`, `512Mi`, `2G`, `500M`; in bytes. */
export const memory = parsed<number>((text) => {
  const match = /^(\d{1,6}(?:\.\d{1,3})?)(Mi|Gi|M|G)$/.exec(text);
  if (match && Number(match[1]) > 0) return { ok: true, value: Math.round(Number(match[1]) * MEMORY[match[2]!]!) };
  return { ok: false, error: `${JSON.stringify(text.slice(0, 64))} is not an amount of memory: write for example 2Gi` };
});

const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Labels as Kubernetes has them. */
export const labels = z.record(z.string(), z.string()).superRefine((values, context) => {
  for (const [key, value] of Object.entries(values)) {
    if (LABEL_KEY.test(key) && LABEL_VALUE.test(value)) continue;
    const message = `${JSON.stringify(`${key}=${value}`.slice(0, 128))} is not a label that Kubernetes accepts: use letters, digits, "-", "_" and "."`;
    context.addIssue({ code: 'custom', message, path: [key] });
  }
});

/** `{matchLabels: …}` as the labels that must be there; nothing: everybody. */
export const selector = z
  .strictObject({
    matchLabels: labels.default({}),
    matchExpressions: notServedYet('matchExpressions', 'use matchLabels'),
  })
  .transform(({ matchLabels }) => matchLabels);

/** A field that means something to us, but that we do not serve yet: refused whenever it is there. */
export function notServedYet(field: string, advice: string) {
  return z
    .any()
    .optional()
    .superRefine((value, context) => {
      if (value !== undefined) context.addIssue({ code: 'custom', message: `${field} is not served yet: ${advice}` });
    });
}

/** A list without repetitions of what `key` says. */
export function unique<Item extends z.ZodType>(item: Item, key: (value: z.output<Item>) => string) {
  return z.array(item).superRefine((values, context) => {
    const seen = new Set<string>();
    for (const [index, value] of values.entries()) {
      const text = key(value);
      if (seen.has(text))
        context.addIssue({ code: 'custom', message: `${text} is here twice: remove one`, path: [index] });
      seen.add(text);
    }
  });
}
