import { type Address, familyOf } from '@fairlead/model';
import type { InstanceAddresses } from '../keepalived/types.ts';
import { addLineOf, announceLine, checkedDevice, removeLineOf } from './plan.ts';

/**
 * PURE. `ip -force -batch` input that makes this machine answer for the instance's VIPs: all IPv4 addresses, announced at
 * once; then IPv6, which the kernel adds more slowly, announced again.
 */
export function renderBecomeOwner(instance: InstanceAddresses): string {
  const announce = renderAnnounce(instance);
  const { ipv4, ipv6 } = byFamily(instance.vips);
  const lines = (vips: readonly Address[]): string => linesOf(vips, addLineOf(checkedDevice(instance.device)));
  return [lines(ipv4), announce, lines(ipv6), ipv6.length > 0 ? announce : ''].join('');
}

/** PURE. `ip -force -batch` input that takes the VIPs off. The anchor is keepalived's own. */
export function renderLeaveOwner(instance: InstanceAddresses): string {
  const { ipv4, ipv6 } = byFamily(instance.vips);
  return linesOf([...ipv4, ...ipv6], removeLineOf(checkedDevice(instance.device)));
}

/** PURE. `ip -force -batch` input that announces every address of the link; empty for links without a hardware address. */
export function renderAnnounce({ device, mac }: InstanceAddresses): string {
  return mac === undefined ? '' : `${announceLine(device, mac)}\n`;
}

/** There may be thousands, and they are rendered with each new one. */
function linesOf(vips: readonly Address[], line: (vip: Address) => string): string {
  let text = '';
  for (const vip of vips) text += `${line(vip)}\n`;
  return text;
}

/** Each once, in order. */
function byFamily(vips: readonly Address[]): { readonly ipv4: readonly Address[]; readonly ipv6: readonly Address[] } {
  const all = [...new Set(vips)].sort();
  return {
    ipv4: all.filter((vip) => familyOf(vip) === 'ipv4'),
    ipv6: all.filter((vip) => familyOf(vip) === 'ipv6'),
  };
}
