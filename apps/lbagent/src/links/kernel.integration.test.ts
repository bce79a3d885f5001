import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inNamespaces } from '../processes/namespace.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'kernel.fixture.ts');

function scenario<T>(name: string): Promise<T> {
  return inNamespaces<T>(FIXTURE, name);
}

describe('addresses', () => {
  it('come and go, may be repeated, show drift, and one that fails does not stop the others', async () => {
    const nope = 'Cannot find device "nope"';
    expect(await scenario('lifeOfAddresses')).toEqual({
      failures: [],
      again: [],
      added: ['10.0.0.1/32', '10.0.0.2/32', 'fd00::1/128'],
      nothingToDo: { add: [], remove: [] },
      drift: { add: [{ device: 'eth0', address: '10.0.0.1' }], remove: [] },
      oneBad: [
        { device: 'nope', address: '10.0.0.4', message: nope },
        { device: 'nope', address: '10.0.0.98', message: nope },
      ],
      rest: ['10.0.0.3/32', '10.0.0.5/32', 'fd00::1/128'],
      announced: [],
      afterKill: [],
      last: ['10.0.0.6/32', 'fd00::1/128'],
    });
  });

  it('are told of at once when somebody else changes them', async () => {
    const seen = await scenario<{ ms: number }>('watched');
    expect(seen).toMatchObject({ left: 0 });
    expect(seen.ms).toBeLessThan(500);
  });

  it('that are new are told to neighbours which know another place, also when what tells them was killed', async () => {
    expect(await scenario('announcedOne')).toEqual({ known: true, shells: 1 });
  });

  it('of IPv6 are told to neighbours in either way, and are never this machine’s own voice', async () => {
    expect(await scenario('announcedIpv6')).toEqual({ isNewKnown: true, source: 'fd00::11', known: [true, true] });
  });

  it('of IPv6 are told to who asked for them before they were finished', async () => {
    expect(await scenario('askedTooEarly')).toEqual({ before: true, after: true });
  });

  it('come and go by the thousand', async () => {
    const seen = await scenario<{ addMs: number; addOneMs: number }>('thousand');
    expect(seen).toMatchObject({ there: 1002, left: 2 });
    expect(seen.addMs).toBeLessThan(2000);
    expect(seen.addOneMs).toBeLessThan(100);
  });
});

describe('routing', () => {
  it('is put in place once, repaired when somebody changed it, and delivers marked packets to this host', async () => {
    const seen = await scenario<{ first: number; third: string[] }>('routing');
    expect(seen).toMatchObject({
      second: [],
      narrow: [],
      third: [
        'route of table 46130 was missing',
        'rule for mark 0xf10000/0xff0000 was missing',
        'IPv6 rule for mark 0xf10000/0xff0000 was missing',
        'net/ipv4/conf/eth0/arp_announce was 0, is 2',
      ],
      missing: expect.stringContaining('net/ipv4/conf/nope/rp_filter cannot be set to 0'),
      route: expect.stringContaining('local 192.0.2.1 dev lo table 46130'),
      route6: expect.stringMatching(/^local 2001:db8::1 .*dev lo .*table 46130/),
    });
    expect(seen.first).toBeGreaterThanOrEqual(5);
  });
});
