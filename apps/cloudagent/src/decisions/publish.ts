import type { Decision, HeldLoadBalancer, Truth } from '../truth/truth.ts';

/**
 * Notes that these load balancers serve, as of the generation each was judged at; one that changed its addresses
 * since is left out. PURE.
 */
export function publish(truth: Truth, serving: ReadonlyMap<string, number>): Decision<void> {
  const loadBalancers = new Map<string, HeldLoadBalancer>();
  for (const [id, generation] of serving) {
    const held = truth.loadBalancers.get(id);
    if (held === undefined || held.published || held.generation !== generation) continue;
    loadBalancers.set(id, { ...held, published: true });
  }
  return loadBalancers.size === 0 ? { answer: undefined } : { answer: undefined, changes: { loadBalancers } };
}
