import type { pb } from '@fairlead/rpc';
import { formatAge } from './age.ts';
import type { Table } from './table.ts';

/** Certificates by identity, then by age, with the time they have left at `now` (milliseconds since 1970). PURE. */
export function certificateTable(certificates: readonly pb.IssuedCertificate[], now: number, wide: boolean): Table {
  const rows = [...certificates].sort(byIdentity).map(({ identity, serial, notBefore, notAfter }) => {
    const [begin, end] = [milliseconds(notBefore), milliseconds(notAfter)];
    const left = end <= now ? 'expired' : formatAge(end - now);
    return [identity, left, formatAge(now - begin), ...(wide ? [new Date(end).toISOString(), serial] : [])];
  });
  return { header: ['IDENTITY', 'EXPIRES IN', 'AGE', ...(wide ? ['EXPIRES', 'SERIAL'] : [])], rows };
}

/** Plain data for `-o json`. PURE. */
export function certificateData({
  identity,
  serial,
  notBefore,
  notAfter,
}: pb.IssuedCertificate): Record<string, string> {
  const time = (value: pb.IssuedCertificate['notAfter']) => new Date(milliseconds(value)).toISOString();
  return { identity, serial, notBefore: time(notBefore), notAfter: time(notAfter) };
}

/** A time of the contract in milliseconds since 1970; 0 when there is none. PURE. */
export function milliseconds(time: { readonly seconds: number; readonly nanos: number } | null | undefined): number {
  return time ? time.seconds * 1_000 + Math.floor(time.nanos / 1_000_000) : 0;
}

function byIdentity(a: pb.IssuedCertificate, b: pb.IssuedCertificate): number {
  if (a.identity !== b.identity) return a.identity < b.identity ? -1 : 1;
  return milliseconds(a.notBefore) - milliseconds(b.notBefore);
}
