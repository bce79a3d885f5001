import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from '../processes/namespace.fixture.ts';

const FIXTURE = join(import.meta.dirname, 'kernel.fixture.ts');
const WEB = [
  { address: '10.0.0.1', port: 80 },
  { address: '10.0.0.1', port: 443 },
  { address: 'fd00::1', port: 80 },
];
const CHANGED = [{ address: '10.0.0.1', port: 80 }, { address: '10.0.0.2', port: 80 }, WEB[2]];

it('makes the base, changes elements, notices every tampering and restores it without touching the elements', async () => {
  expect(await inNamespaces(FIXTURE, 'lifeOfTheTable')).toEqual({
    before: { base: 'missing', caught: [], limits: [] },
    withoutBase: [true, 'fairlead'],
    added: { base: 'intact', caught: WEB, limits: [] },
    changed: { base: 'intact', caught: CHANGED, limits: [] },
    foreignRule: 'altered',
    lostRules: 'altered',
    lostBeside: 'altered',
    repaired: { base: 'intact', caught: CHANGED, limits: [] },
    otherPeers: 'intact',
    judgedByOldPeers: 'altered',
    flushed: 'missing',
    rebuilt: { base: 'intact', caught: WEB, limits: [] },
  });
});

it('limits ports to ranges, goes from list to list, and takes all of it away again', async () => {
  const tcp = { address: '10.0.0.1', protocol: 'tcp', port: 80 };
  const udp = { address: 'fd00::1', protocol: 'udp', port: 53 };
  expect(await inNamespaces(FIXTURE, 'limits')).toEqual({
    made: [
      { ...tcp, inForce: true, allowed: ['10.0.0.0/8', '192.168.1.1/32'] },
      { ...udp, inForce: true, allowed: ['2001:db8::1/128', 'fd00::/8'] },
    ],
    narrower: [{ ...tcp, inForce: true, allowed: ['10.1.0.0/16', '192.168.1.1/32'] }],
    wider: [{ ...tcp, inForce: true, allowed: ['10.0.0.0/7'] }],
    nested: [{ ...tcp, inForce: true, allowed: ['10.0.0.0/8'] }],
    nobody: [{ ...tcp, inForce: true, allowed: [] }],
    half: [{ ...tcp, inForce: false, allowed: ['10.0.0.0/8'] }],
    refused: [false, 'nft refused a change'],
    left: [],
    many: { v4: 5000, v6: 5000 },
  });
});

it('goes on when the nft it speaks to is killed, and takes 5,000 elements at once', async () => {
  const seen = await inNamespaces<{ medianMs: number }>(FIXTURE, 'hardTimes');
  expect(seen).toMatchObject({ killed: 1, caught: 5102, left: 0 });
  expect(seen.medianMs).toBeLessThan(20);
});

it('serves without the second chance where the kernel cannot give it, and says so', async () => {
  const observed = { base: 'intact', caught: [{ address: '10.0.0.1', port: 80 }], limits: [] };
  expect(await inNamespaces(FIXTURE, 'withoutDup', ' dup to ')).toEqual({
    observed,
    lacks: [expect.stringContaining('nft_dup_ipv4')],
    sendsOn: false,
  });
  expect(await inNamespaces(FIXTURE, 'withoutDup', 'ip6 fairlead .* dup to ')).toEqual({
    observed,
    lacks: [expect.stringMatching(/^nft refuses what sends packets of running IPv6 connections on.*nft_dup_ipv6/)],
    sendsOn: true,
  });
});

it('renders a base that the real nft accepts', async () => {
  const golden = readFileSync(join(import.meta.dirname, 'golden/base.nft'), 'utf8');
  expect(await inNamespaces(FIXTURE, 'checked', golden)).toEqual({ code: 0, stderr: '', same: true });
});
