import { describe, expect, it } from 'vitest';
import { isAlreadyGone, parseBatchComplaints, parseLinks } from './parse.ts';

describe('parseLinks', () => {
  it('reads links and addresses, and which of them are ours', () => {
    const json = JSON.stringify([
      {},
      { ifname: 'lo', flags: ['LOOPBACK', 'UP'], link_type: 'loopback', address: '00:00:00:00:00:00', addr_info: [] },
      {
        ifname: 'eth0',
        flags: ['BROADCAST', 'UP'],
        link_type: 'ether',
        address: '02:00:00:00:00:0b',
        addr_info: [
          { family: 'inet', local: '10.0.0.11', prefixlen: 24 },
          { family: 'inet', local: '10.0.0.1', prefixlen: 32, metric: 46130 },
          { family: 'inet6', local: 'fe80::1', prefixlen: 64 },
        ],
      },
    ]);
    expect(parseLinks(json)).toEqual({
      links: [
        { device: 'lo', up: true },
        { device: 'eth0', up: true, mac: '02:00:00:00:00:0b' },
      ],
      addresses: [
        { device: 'eth0', address: '10.0.0.11', prefixLength: 24, ours: false },
        { device: 'eth0', address: '10.0.0.1', prefixLength: 32, ours: true },
        { device: 'eth0', address: 'fe80::1', prefixLength: 64, ours: false },
      ],
    });
  });
});

describe('parseBatchComplaints', () => {
  it('gives each complaint to its line', () => {
    const text = 'Error: ipv4: Address not found.\nCommand failed -:7\nCannot find device "nope"\nCommand failed -:9\n';
    const complaints = parseBatchComplaints(text, 7);
    expect(complaints).toEqual([
      { index: 0, message: 'ipv4: Address not found.' },
      { index: 2, message: 'Cannot find device "nope"' },
    ]);
    expect(complaints.map(({ message }) => isAlreadyGone(message))).toEqual([true, false]);
  });
});
