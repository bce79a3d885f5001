import { Draft } from '../truth/draft.ts';
import type { Decision, Truth } from '../truth/truth.ts';
import { releaseOf } from './grant.ts';
import { hopefulOf, serveHopeful } from './serve-waiters.ts';

/** Forgets the load balancer and frees its addresses; who waits gets them. Nothing to do when it is not there. PURE. */
export function remove(truth: Truth, id: string, now: number): Decision<void> {
  const draft = new Draft(truth);
  if (removeIn(draft, id, now) && hopefulOf(truth).length > 0) serveHopeful(draft, now);
  return draft.decide(undefined);
}

/** One step of a larger decision: see `remove`. True when it was there. PURE. */
export function removeIn(draft: Draft, id: string, now: number): boolean {
  const { truth } = draft;
  if (!truth.loadBalancers.has(id)) return false;
  const release = truth.book.addressesOf(id).map((address) => releaseOf({ address, id }, truth.site, now));
  draft.take({ loadBalancers: new Map([[id, undefined]]), release });
  draft.bump();
  return true;
}
