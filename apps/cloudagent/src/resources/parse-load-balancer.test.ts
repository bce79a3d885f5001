import { describe, expect, test } from 'vitest';
import { document, wrong } from './document.fixture.ts';
import { parse } from './parse.ts';
import { resourcesOf } from './stored.ts';

test('a static load balancer may keep clients at a backend, by hash or by memory', () => {
  const spec = 'loadBalancerSet: default\nports: [{port: 80}]\nbackends: [{name: a, address: 10.0.0.9}]';
  const served = (more: string) => resourcesOf(document('LoadBalancer', `${spec}\n${more}`))[0]?.spec;
  expect(served('loadDistribution: SourceIP')).toMatchObject({ loadBalancer: { options: { algorithm: 'source' } } });
  expect(served('loadDistribution: Default')).not.toHaveProperty('loadBalancer.options');
  expect(served('sessionAffinity: ClientIP')).toMatchObject({ loadBalancer: { affinity: { timeoutSeconds: 10_800 } } });
  const config = 'sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}';
  expect(served(`sessionAffinity: ClientIP\n${config}`)).toMatchObject({
    loadBalancer: { affinity: { timeoutSeconds: 60 } },
  });
  expect(wrong(document('LoadBalancer', `${spec}\nloadDistribution: Sometimes`))).toEqual([
    expect.stringContaining('write Default or SourceIP'),
  ]);
});

test('a static load balancer may serve UDP, and keep its clients, where its backends have the family of its address', () => {
  const udp = (more: string) =>
    document('LoadBalancer', `loadBalancerSet: default\nports: [{port: 53, protocol: UDP}]\n${more}`);
  const four = 'backends: [{name: a, address: 10.0.0.9}]';
  const both = 'backends: [{name: a, address: 10.0.0.9}, {name: b, address: "fd00::9"}]';
  expect(resourcesOf(udp(`${four}\nsessionAffinity: ClientIP`))[0]?.spec).toMatchObject({
    loadBalancer: { ports: [{ protocol: 'UDP' }], affinity: { timeoutSeconds: 10_800 } },
  });
  expect(resourcesOf(udp(`${both}\nipFamilies: [IPv4, IPv6]`))).toHaveLength(1);
  expect(wrong(udp(`${four}\nipFamilies: [IPv4, IPv6]`))).toEqual([
    expect.stringContaining('ports[0]: UDP at an IPv6 address needs a backend that has one'),
  ]);
});

describe('source ranges of a static load balancer', () => {
  const ranged = (ranges: string) =>
    document(
      'LoadBalancer',
      `loadBalancerSet: x\nports: [{port: 80}]\nbackends: [{name: a, address: 10.0.0.9}]\nloadBalancerSourceRanges: ${ranges}`,
    );

  test('are those of a Service, in their one form and order', () => {
    const [balancer] = resourcesOf(ranged('["FD00::/8", 10.0.0.0/8]'));
    expect(balancer?.spec).toMatchObject({ loadBalancer: { sourceRanges: ['10.0.0.0/8', 'fd00::/8'] } });
  });

  test.each([
    ['[10.0.0.1/8]', '[0]: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?'],
    ['[10.0.0.0/8, "10.0.0.0/8 "]', '[1]: 10.0.0.0/8 is here twice: remove one'],
  ])('%s are refused', (ranges, message) => {
    expect(wrong(ranged(ranges)).join('\n')).toContain(`spec.loadBalancerSourceRanges${message}`);
  });

  test('are not an empty list, which would say nothing', () => {
    expect(wrong(ranged('[]')).length).toBe(1);
  });
});

describe('both families', () => {
  test.each([
    document('Network', 'subnets: [10.0.0.0/24, "fd00::/64"]\ngateways: ["fd00::1"]'),
    document('VipPool', 'network: lan\nranges: [10.0.0.0/24, "fd00::5-fd00::9"]\nexclude: ["fd00::7"]'),
    document('Machine', 'loadBalancerSet: x\nagentAddress: "fd00::20"\ninterfaces: [{network: lan, device: eth0}]'),
    document('Cluster', 'loadBalancerSet: x\nnodeCIDRs: ["fd00::/64"]\npodCIDRs: ["fd10::/64"]'),
  ])('are taken: %#', (yaml) => {
    expect(wrong(yaml)).toEqual([]);
  });

  const balancer = 'loadBalancerSet: x\nports: [{port: 53}]\nbackends: [{name: a, address: 10.0.0.9}]';
  test.each([
    ['', ['ipv4']],
    ['address: "fd00::1"', ['ipv6']],
    ['ipFamilies: [IPv6, IPv4]', ['ipv6', 'ipv4']],
  ])(
    'of a static load balancer are those asked for, else that of its address, else of its backends: %s',
    (more, is) => {
      const { declarations } = parse([{ yaml: document('LoadBalancer', `${balancer}\n${more}`), source: '' }]);
      expect(declarations[0]?.resource.spec).toMatchObject({ loadBalancer: { families: is } });
    },
  );

  test('an address of a family that is not asked for is a contradiction', () => {
    expect(wrong(document('LoadBalancer', `${balancer}\nipFamilies: [IPv4]\naddress: "fd00::1"`))).toEqual([
      expect.stringContaining('address: fd00::1 is of none of the ipFamilies: add its family there'),
    ]);
  });
});
