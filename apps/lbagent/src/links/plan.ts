import { type Address, familyOf } from '@fairlead/model';
import type { LinkAddress, LinkAddressChange, LinksObserved, ObservedAddress } from './types.ts';

/**
 * An address metric that nobody else uses marks the addresses that lbagent (or the prepared batch) put on a link.
 * On a host route it has no other effect, and kernels from 4.18 on keep it.
 */
export const OURS_METRIC = 46130;

/** PURE. `eth0 10.0.0.1`: one VIP on one link. */
export function linkAddressKey({ device, address }: LinkAddress): string {
  return `${device} ${address}`;
}

/**
 * PURE. What to do so that of lbagent's own addresses exactly `desired` are on the links.
 * An address that somebody else put there, as a host route too, is left as it is and counts as present.
 */
export function diffAddresses(desired: readonly LinkAddress[], observed: LinksObserved): LinkAddressChange {
  const present = new Map(observed.addresses.filter(isHostRoute).map((each) => [linkAddressKey(each), each]));
  const want = new Map(desired.map((each) => [linkAddressKey(each), each]));
  return {
    add: [...want].filter(([key]) => !present.has(key)).map(([, each]) => plain(each)),
    remove: [...present].filter(([key, { ours }]) => ours && !want.has(key)).map(([, each]) => plain(each)),
  };
}

/** Without what callers hang on to their addresses. */
function plain({ device, address, announce }: LinkAddress): LinkAddress {
  return announce === false ? { device, address, announce } : { device, address };
}

function isHostRoute({ address, prefixLength }: ObservedAddress): boolean {
  return prefixLength === (familyOf(address) === 'ipv4' ? 32 : 128);
}

/** PURE. Lines for `ip -batch` without the leading `ip`; each may be repeated. */
export function addLine({ device, address }: LinkAddress): string {
  return addLineOf(checkedDevice(device))(address);
}

/**
 * PURE. As `addLine`, for a link that never probes for addresses (`accept_dad=0`). Without `nodad` the kernel announces an
 * IPv6 address itself, at the moment from which on it answers for it. That comes later than the command, and who asked in
 * between gets no answer and does not ask again within a second.
 */
export function addToldLine(each: LinkAddress): string {
  return addLine(each).replace(' nodad', '');
}

/**
 * Lines that announce one IPv6 address without touching the link: the kernel announces what is new and not exempt from
 * being probed for (`accept_dad=0`, so it is not). It is away for less than a millisecond, and connections outlive that.
 */
export function addAgainLines(each: LinkAddress): readonly string[] {
  return [removeLine(each), addToldLine(each)];
}

export function removeLine({ device, address }: LinkAddress): string {
  return removeLineOf(checkedDevice(device))(address);
}

/**
 * PURE. The same for many addresses of one link, whose name is checked. Without `preferred_lft 0` the machine would take
 * an IPv6 VIP for its own connections whenever it looks nearer than its own address (RFC 6724, rules 3 and 8), and lose
 * them with the VIP.
 */
export function addLineOf(device: string): (address: Address) => string {
  return (address) =>
    familyOf(address) === 'ipv4'
      ? `addr replace ${address}/32 dev ${device} metric ${OURS_METRIC}`
      : `addr replace ${address}/128 dev ${device} metric ${OURS_METRIC} nodad preferred_lft 0`;
}

export function removeLineOf(device: string): (address: Address) => string {
  return (address) => `addr del ${address}/${familyOf(address) === 'ipv4' ? 32 : 128} dev ${device}`;
}

/** Setting the hardware address that the link already has makes the kernel announce every address of the link (with arp_notify). */
export function announceLine(device: string, mac: string): string {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2})+$/.test(mac)) throw new Error(`${JSON.stringify(mac)} is not a hardware address`);
  return `link set dev ${checkedDevice(device)} address ${mac}`;
}

/** The name, or a throw when it would mean something else on a command line (kernel: no "/" or blank, at most 15 bytes). */
export function checkedDevice(device: string): string {
  if (!/^[A-Za-z0-9_.:@][A-Za-z0-9_.:@-]{0,14}$/.test(device) || device === '.' || device === '..') {
    throw new Error(`${JSON.stringify(device)} is not the name of a link: see "ip link"`);
  }
  return device;
}
