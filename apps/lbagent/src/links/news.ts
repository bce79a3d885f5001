import { parseAddress } from '@fairlead/model';
import { linkAddressKey } from './plan.ts';
import type { LinkNews, LinksKnown } from './types.ts';

/** PURE. Reads one line of `ip -o monitor address link`; what it does not know may be about anything. */
export function parseNews(line: string): LinkNews {
  const there = !line.startsWith('Deleted ');
  const text = there ? line : line.slice('Deleted '.length);
  const address = /^\d+: (\S+) +inet6? ([0-9a-f.:]+)\/\d+ /.exec(text);
  if (address) {
    const parsed = parseAddress(address[2]!);
    return parsed.ok ? { kind: 'address', device: address[1]!, address: parsed.value, there } : { kind: 'unknown' };
  }
  const link = /^\d+: ([^\s:@]+)(?:@[^\s:]+)?: <([^>]*)> /.exec(text);
  if (!link) return { kind: 'unknown' };
  const up = link[2]!.split(',').includes('UP');
  const mac = /link\/ether ([0-9a-f:]+)/.exec(text)?.[1];
  return { kind: 'link', device: link[1]!, there, up, ...(mac === undefined ? {} : { mac }) };
}

/**
 * PURE. Whether the newest word of each address and link is what is known already. Most changes are the echo of what
 * lbagent did itself, and looking at thousands of addresses for each of them would take longer than the change.
 */
export function isKnown(news: readonly LinkNews[], known: LinksKnown): boolean {
  const newest = new Map(news.map((each) => [subjectOf(each), each]));
  return [...newest.values()].every((each) => {
    if (each.kind === 'unknown') return false;
    if (each.kind === 'address') return known.addresses.has(linkAddressKey(each)) === each.there;
    const link = known.links.find(({ device }) => device === each.device);
    if (!link || !each.there) return !link && !each.there;
    return link.up === each.up && link.mac === each.mac;
  });
}

function subjectOf(news: LinkNews): string {
  if (news.kind === 'address') return `address ${linkAddressKey(news)}`;
  return news.kind === 'link' ? `link ${news.device}` : '';
}
