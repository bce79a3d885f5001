import type { Address, LoadBalancer, Refusal } from '@fairlead/model';
import { Draft } from '../truth/draft.ts';
import { isEqual } from '../equal.ts';
import type { Decision, Truth } from '../truth/truth.ts';
import { addressesOf, grant, type Outcome } from './grant.ts';
import { hopefulOf, isServingDue, serveHopeful } from './serve-waiters.ts';

/** Addresses and the generation that machines must have applied to serve the wish; or why it waits. */
export type Ensured =
  { readonly addresses: readonly Address[]; readonly generation: number } | { readonly refused: Refusal };

/** Makes the load balancer exist as wished, or keeps the wish waiting with the reason. PURE. */
export function ensure(truth: Truth, wish: LoadBalancer, now: number): Decision<Ensured> {
  const draft = new Draft(truth);
  if (isServingDue(truth, now)) serveHopeful(draft, now);
  return draft.decide(ensureIn(draft, wish, now));
}

/** One step of a larger decision: see `ensure`. PURE. */
export function ensureIn(draft: Draft, wish: LoadBalancer, now: number): Ensured {
  const { truth } = draft;
  const current = truth.loadBalancers.get(wish.id);
  if (current !== undefined && current.refusal === undefined && isEqual(current.wish, wish)) {
    return { addresses: addressesOf(wish, truth), generation: current.generation };
  }
  const outcome = grant({ generation: 0, published: false, ...current, wish }, truth, draft.generation, now);
  if (outcome.changes !== undefined) draft.take(outcome.changes);
  if (outcome.visible) draft.bump();
  if (mayServeOthers(outcome) && hopefulOf(truth).length > 0) serveHopeful(draft, now);
  return ensuredBy(outcome);
}

/** An address became free, or a port of one that is shared. */
function mayServeOthers({ changes }: Outcome): boolean {
  return (changes?.release?.length ?? 0) > 0 || (changes?.hold ?? []).some(({ share }) => share !== undefined);
}

function ensuredBy({ held, addresses }: Outcome): Ensured {
  return held.refusal === undefined ? { addresses, generation: held.generation } : { refused: held.refusal };
}
