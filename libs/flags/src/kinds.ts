import { isName } from '@fairlead/certs';
import { logLevels } from '@fairlead/telemetry';
import { kind, type Kind } from './flag.ts';

/** A text that is taken as it is when `holds` says so. */
export function such(form: string, rule: string, holds: (text: string) => boolean): Kind<string> {
  return kind(form, rule, (text) => (holds(text) ? text : undefined));
}

/** Whatever is written. */
export function anything(form: string): Kind<string> {
  return such(form, '', () => true);
}

/** A path that may stand in any configuration file without being quoted. */
export function plainPath(form: string): Kind<string> {
  return such(form, 'use an absolute path of plain characters', (text) => /^\/[A-Za-z0-9._\-/]+$/.test(text));
}

export function oneOf<Word extends string>(form: string, words: readonly Word[]): Kind<Word> {
  return kind(form, `use one of ${words.join(', ')}`, (text) => words.find((word) => word === text));
}

/** From `least` to `most`, both below a million. */
export function wholeNumber(form: string, least: number, most: number): Kind<number> {
  return kind(form, `use a whole number from ${least} to ${most}`, (text) =>
    /^\d{1,6}$/.test(text) && +text >= least && +text <= most ? +text : undefined,
  );
}

/** A name that an identity may have. */
export const name = such('name', 'use 1-63 of a-z, 0-9 and "-"', isName);

export const absolutePath = such('path', 'write an absolute path', (text) => text.startsWith('/'));

export const hostPort = such('host:port', 'write HOST:PORT, IPv6 in brackets', (text) => {
  const match = /^(?:\[[0-9a-fA-F:]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[1]) <= 65_535;
});

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `24h`, `30d`; milliseconds. */
export const duration = kind('duration', 'write for example 90s, 30m, 24h or 30d', (text) => {
  const match = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * UNITS[match[2]!]!;
});

/** True when it is there. */
export const turnedOn = kind('', '', (text) => text === 'true');

/** As every service has it. */
export const logLevel = oneOf('level', logLevels)(logLevels.join(', '), 'info');

/** As every service has it, each with a port of its own. */
export const metricsListen = (port: number) =>
  hostPort('where /metrics, /healthz and /readyz are served', `0.0.0.0:${port}`);
