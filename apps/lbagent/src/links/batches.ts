import { familyOf } from '@fairlead/model';
import type { AddressFamily } from '@fairlead/model';
import type { InstanceAddresses } from '../keepalived/types.ts';
import { addLine, announceLine, removeLine } from './plan.ts';
import type { LinkAddress } from './types.ts';

/**
 * PURE. `ip -force -batch` input that makes this machine answer for the instance's VIPs: all IPv4 addresses, announced at
 * once; then IPv6, which the kernel adds more slowly, announced again.
 */
export function renderBecomeOwner(instance: InstanceAddresses): string {
  const announce = renderAnnounce(instance);
  const v4 = vipsOf(instance, 'ipv4').map((vip) => `${addLine(vip)}\n`);
  const v6 = vipsOf(instance, 'ipv6').map((vip) => `${addLine(vip)}\n`);
  return [...v4, announce, ...v6, v6.length > 0 ? announce : ''].join('');
}

/** PURE. `ip -force -batch` input that takes the VIPs off. The anchor is keepalived's own. */
export function renderLeaveOwner(instance: InstanceAddresses): string {
  return [...vipsOf(instance, 'ipv4'), ...vipsOf(instance, 'ipv6')].map((vip) => `${removeLine(vip)}\n`).join('');
}

/** PURE. `ip -force -batch` input that announces every address of the link; empty for links without a hardware address. */
export function renderAnnounce({ device, mac }: InstanceAddresses): string {
  return mac === undefined ? '' : `${announceLine(device, mac)}\n`;
}

function vipsOf({ device, vips }: InstanceAddresses, family: AddressFamily): readonly LinkAddress[] {
  const addresses = [...new Set(vips)].filter((vip) => familyOf(vip) === family);
  return addresses.sort().map((address) => ({ device, address }));
}
