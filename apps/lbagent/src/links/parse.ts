import { parseAddress } from '@fairlead/model';
import { OURS_METRIC } from './plan.ts';
import type { LinkAddressFailure, LinkAddress, LinksObserved, ObservedAddress, ObservedLink } from './types.ts';

interface ListedLink {
  readonly ifname?: string;
  readonly flags?: readonly string[];
  readonly link_type?: string;
  readonly address?: string;
  readonly addr_info?: readonly ListedAddress[];
}

interface ListedAddress {
  readonly local?: string;
  readonly prefixlen?: number;
  readonly metric?: number;
}

/** PURE. Reads the answer to `ip -j addr show`. */
export function parseLinks(json: string): LinksObserved {
  const listed = (JSON.parse(json === '' ? '[]' : json) as readonly ListedLink[]).filter(hasName);
  return { links: listed.map(linkOf), addresses: listed.flatMap(addressesOf) };
}

type Named = ListedLink & { readonly ifname: string };

function hasName(link: ListedLink): link is Named {
  return link.ifname !== undefined;
}

function linkOf({ ifname, flags, link_type, address }: Named): ObservedLink {
  const link = { device: ifname, up: flags?.includes('UP') === true };
  return link_type === 'ether' && address !== undefined ? { ...link, mac: address } : link;
}

function addressesOf({ ifname, addr_info }: Named): ObservedAddress[] {
  return (addr_info ?? []).flatMap(({ local, prefixlen, metric }) => {
    const parsed = parseAddress(local ?? '');
    if (!parsed.ok || prefixlen === undefined) return [];
    return [{ device: ifname, address: parsed.value, prefixLength: prefixlen, ours: metric === OURS_METRIC }];
  });
}

/** One line of a batch that `ip` could not carry out. */
export interface BatchComplaint {
  /** From 0. */
  readonly index: number;
  readonly message: string;
}

/** PURE. Reads what `ip -force -batch -` said: a message, then `Command failed -:LINE`, for each line that failed. */
export function parseBatchComplaints(text: string, firstLine: number): readonly BatchComplaint[] {
  const complaints: BatchComplaint[] = [];
  let message: string[] = [];
  for (const line of text.split('\n')) {
    const failed = /^Command failed [^:]*:(\d+)$/.exec(line);
    if (!failed) {
      if (line !== '') message.push(line.replace(/^(Error: |RTNETLINK answers: )/, ''));
      continue;
    }
    complaints.push({ index: Number(failed[1]) - firstLine, message: message.join(' ') });
    message = [];
  }
  return complaints;
}

/**
 * PURE. Which of the addresses could not be removed: one that is not there is what was wanted.
 */
export function isAlreadyGone(message: string): boolean {
  return /Address not found|Cannot assign requested address/.test(message);
}

/** PURE. */
export function failureOf(address: LinkAddress, message: string): LinkAddressFailure {
  return { ...address, message };
}
