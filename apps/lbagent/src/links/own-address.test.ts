import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { ownAddressProblems } from './own-address.ts';

const on = (text: string, device = 'eth0') => ({ device, address: address(text) });
const seen = (text: string, prefixLength: number, ours = false) => ({ ...on(text), prefixLength, ours });
const VIPS = [on('10.0.0.150'), on('fd00::150')];

it('a link with IPv6 VIPs needs an IPv6 address of its own, and a link-local one, or that of the members’ meeting place, is none', () => {
  const others = [
    seen('10.0.0.11', 24),
    seen('fe80::1', 64),
    seen('fd66:6169:726c::a09:b', 64),
    seen('fd00::150', 128, true),
    seen('fd00::100', 128),
  ];
  expect(ownAddressProblems(VIPS, others)).toEqual([
    expect.stringMatching(/^eth0 has IPv6 addresses of load balancers and none of its own.*: give it one/),
  ]);
  expect(ownAddressProblems(VIPS, [...others, seen('fd00::11', 64)])).toEqual([]);
});

it('where no IPv6 VIP is to be there is nothing to say', () => {
  expect(ownAddressProblems([on('10.0.0.150')], [])).toEqual([]);
});
