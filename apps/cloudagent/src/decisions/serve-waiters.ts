import { Draft } from '../truth/draft.ts';
import type { Decision, HeldLoadBalancer, Truth } from '../truth/truth.ts';
import { grant } from './grant.ts';

/** Those that wait for an address, oldest first. PURE. */
export function waitersOf(truth: Pick<Truth, 'loadBalancers'>): readonly HeldLoadBalancer[] {
  const waiters = [...truth.loadBalancers.values()].filter(({ ticket }) => ticket !== undefined);
  return waiters.sort((a, b) => a.ticket! - b.ticket!);
}

/**
 * Those for whom a freed address may be: not those that have no pool to get one from. On a site without IPv6 that may be
 * every Service that would like to have it too. PURE.
 */
export function hopefulOf(truth: Pick<Truth, 'loadBalancers'>): readonly HeldLoadBalancer[] {
  return waitersOf(truth).filter(({ refusal, lacking }) => (refusal ?? lacking)?.reason !== 'NO_POOL');
}

/** Gives everybody who waits, oldest first, what can be given now. Part of every change of what is declared. PURE. */
export function serveWaiters(draft: Draft, now: number): void {
  serve(draft, waitersOf(draft.truth), now);
}

/** The same for who hopes. Part of every change that may have freed an address. PURE. */
export function serveHopeful(draft: Draft, now: number): void {
  serve(draft, hopefulOf(draft.truth), now);
}

function serve(draft: Draft, waiters: readonly HeldLoadBalancer[], now: number): void {
  for (const waiter of waiters) {
    const outcome = grant(waiter, draft.truth, draft.generation, now);
    if (outcome.changes !== undefined) draft.take(outcome.changes);
    if (outcome.visible) draft.bump();
  }
}

/** True when the rest of some address has ended and somebody waits: who comes now must not pass those in front. PURE. */
export function isServingDue(truth: Truth, now: number): boolean {
  return nextRestEnd(truth) <= now && hopefulOf(truth).length > 0;
}

/** When the next address stops resting; milliseconds since 1970; Infinity: none rests. PURE. */
export function nextRestEnd(truth: Pick<Truth, 'book'>): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { until } of truth.book.rests()) next = Math.min(next, until);
  return next;
}

/** The end of rests: forgets them and serves who waited. PURE. */
export function endRests(truth: Truth, now: number): Decision<void> {
  const draft = new Draft(truth);
  if (nextRestEnd(truth) <= now) {
    draft.take({ wakeAt: now });
    serveHopeful(draft, now);
  }
  return draft.decide(undefined);
}
