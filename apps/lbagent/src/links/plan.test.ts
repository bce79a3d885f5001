import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { addAgainLines, addLine, announceLine, diffAddresses, removeLine } from './plan.ts';
import type { LinkAddress, LinksObserved, ObservedAddress } from './types.ts';

const on = (text: string, device = 'eth0'): LinkAddress => ({ device, address: address(text) });
const seen = (text: string, more: Partial<ObservedAddress> = {}): ObservedAddress => ({
  ...on(text),
  prefixLength: 32,
  ours: true,
  ...more,
});
const observed = (...addresses: ObservedAddress[]): LinksObserved => ({ links: [], addresses });

describe('diffAddresses', () => {
  it('adds what is missing and removes what is ours and not wanted', () => {
    const change = diffAddresses([on('10.0.0.1'), on('10.0.0.2')], observed(seen('10.0.0.2'), seen('10.0.0.3')));
    expect(change).toEqual({ add: [on('10.0.0.1')], remove: [on('10.0.0.3')] });
  });

  it('never removes an address that somebody else put there', () => {
    const foreign = [seen('10.0.0.9', { ours: false }), seen('10.0.0.11', { prefixLength: 24, ours: false })];
    expect(diffAddresses([], observed(...foreign))).toEqual({ add: [], remove: [] });
  });

  it('leaves a wanted address that somebody else put there', () => {
    expect(diffAddresses([on('10.0.0.9')], observed(seen('10.0.0.9', { ours: false })))).toEqual({
      add: [],
      remove: [],
    });
  });

  it('keeps in mind what is not to be announced, and nothing else that hangs on an address', () => {
    const routed = { ...on('10.0.0.1'), announce: false, vrrpInstance: 'edge-1' };
    const announced = { ...on('10.0.0.2'), announce: true, vrrpInstance: 'edge-1' };
    expect(diffAddresses([routed, announced], observed()).add).toEqual([
      { ...on('10.0.0.1'), announce: false },
      on('10.0.0.2'),
    ]);
  });

  it('moves an address that is on the wrong link', () => {
    const change = diffAddresses([on('10.0.0.1', 'eth1')], observed(seen('10.0.0.1')));
    expect(change).toEqual({ add: [on('10.0.0.1', 'eth1')], remove: [on('10.0.0.1', 'eth0')] });
  });
});

describe('lines for ip -batch', () => {
  it('can be repeated, and mark the addresses as ours', () => {
    expect(addLine(on('10.0.0.1'))).toBe('addr replace 10.0.0.1/32 dev eth0 metric 46130');
    expect(addLine(on('fd00::1'))).toBe('addr replace fd00::1/128 dev eth0 metric 46130 nodad preferred_lft 0');
    expect(removeLine(on('10.0.0.1'))).toBe('addr del 10.0.0.1/32 dev eth0');
    expect(announceLine('eth0', '02:00:00:00:00:0b')).toBe('link set dev eth0 address 02:00:00:00:00:0b');
  });

  it('add an IPv6 address again, so that the kernel announces it', () => {
    expect(addAgainLines(on('fd00::1'))).toEqual([
      'addr del fd00::1/128 dev eth0',
      'addr replace fd00::1/128 dev eth0 metric 46130 preferred_lft 0',
    ]);
  });

  it.each(['', 'eth0\nlink del eth0', 'eth0 up', '-all', 'a/b', '..', 'sixteen-letters-'])(
    'refuse %j as the name of a link',
    (device) => {
      expect(() => addLine(on('10.0.0.1', device))).toThrow('is not the name of a link');
    },
  );

  it('refuse what is no hardware address', () => {
    expect(() => announceLine('eth0', '02:00\nlink del eth0')).toThrow('is not a hardware address');
  });
});
