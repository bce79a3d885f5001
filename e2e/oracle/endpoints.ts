import type { LoadBalancerFacts } from './observation.ts';

/** ADDRESS:PORT of everything that a load balancer has clients come to. */
export function endpointsOf({ addresses, ports }: Pick<LoadBalancerFacts, 'addresses' | 'ports'>): string[] {
  return addresses.flatMap((address) => ports.map((port) => `${address}:${port}`));
}

/** True for equal texts, whatever their order and however often each is there. */
export function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return textOf(one) === textOf(other);
}

function textOf(texts: readonly string[]): string {
  return [...new Set(texts)].sort().join();
}
