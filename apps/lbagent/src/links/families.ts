import { readFileSync } from 'node:fs';
import type { AddressFamily } from '@fairlead/model';

const LOOPBACK = /^0{31}1 .* lo$/m;

/**
 * The families that connections can be caught in here: IPv6 where the kernel has it and the loopback link its address,
 * which is where caught connections are sent.
 */
export function kernelFamilies(procNet = '/proc/net'): readonly AddressFamily[] {
  let addresses = '';
  try {
    addresses = readFileSync(`${procNet}/if_inet6`, 'utf8');
  } catch {
    // A kernel without IPv6 has no such file.
  }
  return LOOPBACK.test(addresses.replaceAll(/ +/g, ' ')) ? ['ipv4', 'ipv6'] : ['ipv4'];
}
