import { displayName, familyText, refusal } from '@fairlead/model';
import type { AddressFamily, Pool, Refusal } from '@fairlead/model';
import type { AddressBook } from './address-book.ts';
import type { AssignRequest } from './assign.ts';
import { intervalsOf } from './intervals.ts';
import { poolStatistics } from './statistics.ts';

/** A pool that was looked at, and why it was passed over; undefined: it was asked and had nothing free. */
export interface Tried {
  readonly pool: Pool;
  readonly why: string | undefined;
}

/**
 * Names each pool tried and why it gave nothing. POOL_EXHAUSTED when a pool that may be used is full,
 * NO_POOL when there is no pool to use: waiting helps with the first only.
 */
export function noneFree(
  family: AddressFamily,
  tried: readonly Tried[],
  request: AssignRequest,
  book: AddressBook,
): Refusal {
  const whys = tried.map(({ pool, why }) => ({ pool, why: why ?? whyEmpty(pool, family) }));
  const isFull = whys.some(({ why }) => why === undefined);
  const texts = whys.map(({ pool, why }) => `pool ${pool.name} ${why ?? fullText(pool, family, request, book)}`);
  const who = displayName(request.wanted);
  const list = texts.length === 0 ? 'there is no pool' : texts.join('; ');
  const message = `no free ${familyText(family)} address for ${who}: ${list}`;
  return isFull
    ? refusal('POOL_EXHAUSTED', '', `${message}. Widen a pool, or delete a load balancer that is not needed`)
    : refusal('NO_POOL', '', `${message}. Make a pool that it may use, or open one of these`);
}

export function quotaExceeded(cluster: string, quota: number, held: number): Refusal {
  const message = `cluster ${cluster} holds ${held} addresses and may hold ${quota}: raise quota.addresses of Cluster ${cluster}, or delete a load balancer that is not needed`;
  return refusal('QUOTA_EXCEEDED', '', message);
}

/** RFC 3339, UTC, whole seconds, never early. */
export function timeText(milliseconds: number): string {
  return new Date(Math.ceil(milliseconds / 1000) * 1000).toISOString().replace('.000', '');
}

function whyEmpty(pool: Pool, family: AddressFamily): string | undefined {
  return intervalsOf(pool.ranges, family).length === 0 ? `has no ${familyText(family)} range` : undefined;
}

function fullText(pool: Pool, family: AddressFamily, { occupied, now }: AssignRequest, book: AddressBook): string {
  const { held, quarantined, reserved, nextFree } = poolStatistics({ pool, occupied, now, families: [family] }, book);
  const counts = [
    `${held} held`,
    reserved > 0n ? `${reserved} reserved` : '',
    quarantined > 0n ? `${quarantined} resting, the next until ${timeText(nextFree ?? now)}` : '',
  ];
  return `is full (${counts.filter((text) => text !== '').join(', ')})`;
}
