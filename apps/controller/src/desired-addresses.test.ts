import { expect, it } from 'vitest';
import type { ServiceSpec } from './cluster/objects.ts';
import { ask } from './testing/asking.ts';

it('takes an address asked for by field, by annotation, or by both alike', () => {
  const wanted = { loadBalancer: { wantedAddresses: ['192.168.0.157'] } };
  const annotations = { 'fairlead.dev/ip': ' 192.168.0.157 ' };
  expect(ask({ spec: { loadBalancerIP: '192.168.0.157' } })).toMatchObject(wanted);
  expect(ask({ metadata: { annotations } })).toMatchObject(wanted);
  expect(ask({ metadata: { annotations }, spec: { loadBalancerIP: '192.168.0.157' } })).toMatchObject(wanted);
});

const DUAL = { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' };

it.each<[Partial<ServiceSpec>, object]>([
  [{ ipFamilies: ['IPv6'] }, { families: ['ipv6'] }],
  [DUAL, { families: ['ipv6', 'ipv4'] }],
  [
    { ...DUAL, ipFamilyPolicy: 'PreferDualStack' },
    { families: ['ipv6', 'ipv4'], familiesOptional: true },
  ],
  [{ ipFamilies: ['IPv6'], ipFamilyPolicy: 'PreferDualStack' }, { families: ['ipv6'] }],
])('asks for an address of each family in the order of ipFamilies: %j', (spec, families) => {
  const wish = ask({ spec });
  expect(wish).toMatchObject({ loadBalancer: families });
  expect(wish.kind === 'wanted' && 'familiesOptional' in wish.loadBalancer).toBe('familiesOptional' in families);
});

it('takes one asked-for address of each family, by field and annotation together', () => {
  const wanted = { loadBalancer: { wantedAddresses: ['fd00::5', '10.0.0.5'] } };
  const annotations = { 'fairlead.dev/ip': '10.0.0.5, FD00:0::5' };
  expect(ask({ metadata: { annotations }, spec: DUAL })).toMatchObject(wanted);
  expect(ask({ metadata: { annotations }, spec: { ...DUAL, loadBalancerIP: 'fd00::5' } })).toMatchObject(wanted);
  expect(ask({ metadata: { annotations }, spec: { ...DUAL, loadBalancerIP: 'fd00::6' } })).toMatchObject({
    refusals: [{ reason: 'ADDRESS_CONFLICT', message: expect.stringContaining('one IPv6 address only') }],
  });
});

it('passes on the pool asked for', () => {
  expect(ask({ metadata: { annotations: { 'fairlead.dev/pool': 'dmz' } } })).toMatchObject({
    loadBalancer: { pool: 'dmz' },
  });
});
