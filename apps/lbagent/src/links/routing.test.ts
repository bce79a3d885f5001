import { describe, expect, it } from 'vitest';
import { hasLocalRoute, hasRule, wantedSysctls } from './routing.ts';

const settings = { mark: { value: 0xf10000, mask: 0xff0000 }, table: 46130, rulePriority: 4613, devices: ['eth0'] };
const rule = { priority: 4613, fwmark: '0xf10000', fwmask: '0xff0000', table: '46130' };

describe('hasRule', () => {
  it('knows the rule by mark, mask, table and priority', () => {
    expect(hasRule([{ priority: 0, table: 'local' }, rule], settings)).toBe(true);
    for (const other of [{ fwmark: '0x1' }, { fwmask: '0xff' }, { table: '100' }, { priority: 1 }]) {
      expect(hasRule([{ ...rule, ...other }], settings)).toBe(false);
    }
  });

  it('reads a rule without a mask as one that compares every bit', () => {
    const { fwmask: _, ...plain } = rule;
    expect(hasRule([plain], settings)).toBe(false);
    expect(hasRule([plain], { ...settings, mark: { value: 0xf10000, mask: 0xffffffff } })).toBe(true);
  });
});

describe('hasLocalRoute', () => {
  it('wants everything delivered to this host', () => {
    expect(hasLocalRoute([{ type: 'local', dst: 'default', dev: 'lo' }])).toBe(true);
    expect(hasLocalRoute([{ type: 'local', dst: '::/0', dev: 'lo' }])).toBe(true);
    expect(hasLocalRoute([{ type: 'unicast', dst: 'default', dev: 'eth0' }])).toBe(false);
    expect(hasLocalRoute([])).toBe(false);
  });
});

describe('wantedSysctls', () => {
  it('sets each link, and turns the reverse path filter off for all, because the larger value counts', () => {
    const wanted = wantedSysctls(['eth0', 'eth0.10']);
    expect(wanted.get('net/ipv4/conf/all/rp_filter')).toBe('0');
    expect(wanted.get('net/ipv4/conf/eth0.10/arp_ignore')).toBe('1');
    expect(wanted.get('net/ipv4/conf/eth0/arp_announce')).toBe('2');
    expect(wanted.get('net/ipv4/conf/eth0/arp_notify')).toBe('1');
  });

  it('has IPv6 addresses announced too, and not probed for, where there is IPv6', () => {
    const wanted = wantedSysctls(['eth0']);
    expect(wanted.get('net/ipv6/conf/eth0/ndisc_notify')).toBe('1');
    expect(wanted.get('net/ipv6/conf/eth0/accept_dad')).toBe('0');
    expect([...wantedSysctls(['eth0'], { ipv6: false }).keys()].filter((path) => path.includes('ipv6'))).toEqual([]);
  });

  it('never leaves its directory', () => {
    expect(() => wantedSysctls(['../../kernel'])).toThrow('is not the name of a link');
  });
});
