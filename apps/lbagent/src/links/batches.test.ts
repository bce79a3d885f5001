import { address } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { renderAnnounce, renderBecomeOwner, renderLeaveOwner } from './batches.ts';

const instance = {
  instance: 'edge-1',
  device: 'eth0',
  mac: '02:00:00:00:00:0b',
  anchor: address('10.0.0.100'),
  vips: [address('10.0.0.2'), address('fd00::1'), address('10.0.0.1'), address('10.0.0.2')],
};

describe('the prepared batches', () => {
  it('add and announce IPv4 before IPv6 is added, and announce that too', () => {
    expect(renderBecomeOwner(instance).split('\n')).toEqual([
      'addr replace 10.0.0.1/32 dev eth0 metric 46130',
      'addr replace 10.0.0.2/32 dev eth0 metric 46130',
      'link set dev eth0 address 02:00:00:00:00:0b',
      'addr replace fd00::1/128 dev eth0 metric 46130 nodad preferred_lft 0',
      'link set dev eth0 address 02:00:00:00:00:0b',
      '',
    ]);
  });

  it('take the same addresses off, but not the anchor', () => {
    expect(renderLeaveOwner(instance).split('\n')).toEqual([
      'addr del 10.0.0.1/32 dev eth0',
      'addr del 10.0.0.2/32 dev eth0',
      'addr del fd00::1/128 dev eth0',
      '',
    ]);
  });

  it('announce nothing on a link without a hardware address', () => {
    const { mac: _, ...rest } = instance;
    expect(renderAnnounce(rest)).toBe('');
    expect(renderBecomeOwner(rest)).not.toContain('link set');
  });
});
