import type { LoadBalancerFacts } from './observation.ts';

/** ADDRESS:PORT, or [ADDRESS]:PORT of IPv6, of everything that a load balancer has clients come to. */
export function endpointsOf({ addresses, ports }: Pick<LoadBalancerFacts, 'addresses' | 'ports'>): string[] {
  return addresses.flatMap((address) => ports.map((port) => endpointText(address, port)));
}

export function endpointText(address: string, port: number | string): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The reverse. */
export function splitEndpoint(endpoint: string): { readonly address: string; readonly port: number } {
  const colon = endpoint.lastIndexOf(':');
  return { address: endpoint.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(endpoint.slice(colon + 1)) };
}

/** True for equal texts, whatever their order and however often each is there. */
export function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return textOf(one) === textOf(other);
}

function textOf(texts: readonly string[]): string {
  return [...new Set(texts)].sort().join();
}
