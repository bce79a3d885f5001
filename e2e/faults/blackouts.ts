import type { Outage } from '../prober/protocol.ts';
import type { Hit } from './storm.ts';

/** Outages of several addresses that began at about the same time. */
export interface Blackout {
  /** Milliseconds since 1970. */
  readonly from: number;
  /** The longest of them. */
  readonly ms: number;
  readonly addresses: readonly string[];
}

const TOGETHER_MS = 250;

/** PURE. In order of time. */
export function blackouts(outages: Readonly<Record<string, readonly Outage[]>>): Blackout[] {
  const all = Object.entries(outages)
    .flatMap(([address, each]) => each.map(({ from, ms }) => ({ address, from: Date.parse(from), ms })))
    .sort((a, b) => a.from - b.from);
  const found: { from: number; ms: number; addresses: string[] }[] = [];
  for (const { address, from, ms } of all) {
    const last = found.at(-1);
    if (last === undefined || from - last.from > TOGETHER_MS) found.push({ from, ms, addresses: [address] });
    else {
      last.ms = Math.max(last.ms, ms);
      last.addresses.push(address);
    }
  }
  return found;
}

/** PURE. What was hit in the `withinMs` before it began, newest first; a prober that is late sees things late. */
export function causesOf({ from }: Blackout, hits: readonly Hit[], withinMs: number): Hit[] {
  return hits.filter(({ at }) => at - from < 1_000 && from - at < withinMs).toSorted((a, b) => b.at - a.at);
}

/** PURE. One line for people. */
export function tellBlackout(blackout: Blackout, causes: readonly Hit[]): string {
  const { from, ms, addresses } = blackout;
  const before = causes.map(({ target, at }) => `${target.name} on ${target.host} ${from - at} ms before`);
  const where = `${addresses.length} address${addresses.length === 1 ? '' : 'es'}`;
  return `${new Date(from).toISOString()} for ${ms} ms at ${where}: ${before.join(', ') || 'nothing was killed before'}`;
}
