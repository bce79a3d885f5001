import { type AddressFamily, formatEndpoint, parseAddress } from '@fairlead/model';
import type { Destination, Forward } from './types.ts';

/** Where the kernel sends the flows that came for an address and port. */
export interface TrackedFlows {
  readonly vip: string;
  readonly port: number;
  readonly to: Destination;
}

/**
 * PURE. Reads `conntrack -L -p udp`: one entry a line, first the packets as they came, then the answers as they are
 * expected. Flows that go the same way are one.
 */
export function parseTracked(listing: string): readonly TrackedFlows[] {
  const found = new Map<string, TrackedFlows>();
  for (const line of listing.split('\n')) {
    const match = ENTRY.exec(line);
    if (!match) continue;
    const [, vip = '', port = '', from = '', fromPort = ''] = match;
    const address = parseAddress(from);
    if (!address.ok) continue;
    const to = { address: address.value, port: Number(fromPort) };
    found.set(`${vip} ${port} ${from} ${fromPort}`, { vip, port: Number(port), to });
  }
  return [...found.values()];
}

const ENTRY = /^udp\s.*?\bsrc=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?\bsrc=(\S+) dst=\S+ sport=(\d+) dport=\d+/;

/** PURE. Flows of these addresses and ports that go where nobody sends them any more, or not yet. */
export function strays(tracked: readonly TrackedFlows[], wanted: readonly Expected[]): readonly TrackedFlows[] {
  const expected = new Map(wanted.map((each) => [formatEndpoint(each.vip, each.port), destinationsOf(each)]));
  return tracked.filter(({ vip, port, to }) => {
    const parsed = parseAddress(vip);
    const may = parsed.ok ? expected.get(formatEndpoint(parsed.value, port)) : undefined;
    return may !== undefined && !may.has(formatEndpoint(to.address, to.port));
  });
}

/** A forward, or one that is gone: then nothing may be left of it. */
export type Expected = Pick<Forward, 'vip' | 'port'> & Partial<Pick<Forward, 'backends' | 'draining'>>;

function destinationsOf({ backends = [], draining = [] }: Expected): ReadonlySet<string> {
  return new Set([...backends, ...draining].map(({ address, port }) => formatEndpoint(address, port)));
}

/** PURE. Arguments that list the flows for one address and port, or all. */
export function listArguments(family: AddressFamily, only?: Pick<Forward, 'vip' | 'port'>): readonly string[] {
  const some = only === undefined ? [] : ['--orig-dst', only.vip, '--orig-port-dst', String(only.port)];
  return ['-L', '-f', family, '-p', 'udp', ...some];
}

/** PURE. Arguments that forget those flows. */
export function forgetArguments(family: AddressFamily, { vip, port, to }: TrackedFlows): readonly string[] {
  const came = ['--orig-dst', vip, '--orig-port-dst', String(port)];
  const goes = ['--reply-src', to.address, '--reply-port-src', String(to.port)];
  return ['-D', '-f', family, '-p', 'udp', ...came, ...goes];
}
