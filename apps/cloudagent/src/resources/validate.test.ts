import { describe, expect, test } from 'vitest';
import { judgeApply, judgeDelete } from './change.ts';
import { parse } from './parse.ts';
import { formatViolation, SITE } from './site.fixture.ts';
import { resourceFromText, resourceOf, resourcesOf, resourceToJson, resourceToText, saysTheSame } from './stored.ts';

const CURRENT = resourcesOf(SITE);

function apply(yaml: string, author: 'files' | 'api' = 'api', current = CURRENT) {
  return judgeApply(
    current,
    parse([{ yaml, source: 'new.yaml' }], (source) => (author === 'files' ? source : '')),
    author,
  );
}

function wrong(yaml: string, current = CURRENT): string[] {
  const change = apply(yaml, 'api', current);
  return change.ok ? [] : change.violations.map(formatViolation);
}

function document(kind: string, name: string, spec: string): string {
  return `apiVersion: fairlead.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
}

/** The site with some of its text replaced. */
function siteWith(from: string, to: string): string {
  if (!SITE.includes(from)) throw new Error(`not in the site: ${from}`);
  return SITE.replace(from, to);
}

test('the documented site is right as a whole, whatever the order of its documents', () => {
  expect(wrong(SITE, [])).toEqual([]);
  expect(wrong(SITE.split('---\n').toReversed().join('---\n'), [])).toEqual([]);
});

describe('what contradicts the rest of the site is refused', () => {
  test.each([
    [
      'an unknown network',
      document('NodeIpPool', 'x', '{network: lam, ranges: [10.0.0.1]}'),
      '4 NodeIpPool/x spec.network: there is no Network lam: did you mean lan?',
    ],
    [
      'an unknown pool',
      document('LoadBalancerSet', 'x', '{nodeIpPool: machines, vipPools: [gold]}'),
      '4 LoadBalancerSet/x spec.vipPools[0]: there is no VipPool gold: declare it, or name one that exists: default',
    ],
    [
      'an unknown set',
      document('Cluster', 'x', '{loadBalancerSet: other, nodeCIDRs: [10.0.0.0/24]}'),
      '4 Cluster/x spec.loadBalancerSet: there is no LoadBalancerSet other: declare it, or name one that exists: default',
    ],
    [
      'subnets that overlap',
      document('Network', 'x', '{subnets: [192.168.0.0/16]}'),
      '4 Network/x spec.subnets[0]: 192.168.0.0/16 overlaps 192.168.0.0/24 of network lan: change one of them',
    ],
    [
      'pools that overlap',
      document('VipPool', 'x', '{network: lan, ranges: [192.168.0.25-192.168.0.40]}'),
      '4 VipPool/x spec.ranges[0]: 192.168.0.25-192.168.0.40 overlaps 192.168.0.20-192.168.0.29 of NodeIpPool machines: leave the common part in one of them',
    ],
    [
      'pod routes that would cut off a network',
      document(
        'Cluster',
        'x',
        '{loadBalancerSet: default, nodeCIDRs: [10.0.0.0/24], podCIDRs: [192.168.0.0/16], podRoutes: static}',
      ),
      '4 Cluster/x spec.podCIDRs[0]: 192.168.0.0-192.168.255.255 overlaps a subnet of network lan, which podRoutes: static would cut off: correct it',
    ],
    [
      'pod routes to two clusters',
      ['x', 'y']
        .map((name) =>
          document(
            'Cluster',
            name,
            '{loadBalancerSet: default, nodeCIDRs: [10.0.0.0/24], podCIDRs: [10.7.0.0/16], podRoutes: static}',
          ),
        )
        .join('---\n'),
      '9 Cluster/y spec.podCIDRs[0]: 10.7.0.0-10.7.255.255 overlaps 10.7.0.0-10.7.255.255 of Cluster x, and the same machines would have to route both: use another LoadBalancerSet, or podRoutes: none',
    ],
    [
      'a range outside its network',
      document('VipPool', 'x', '{network: lan, ranges: [192.168.0.250-192.168.1.5]}'),
      '4 VipPool/x spec.ranges[0]: 192.168.0.250-192.168.1.5 is not inside a subnet of network lan (192.168.0.0/24, fd12::/64): correct the range, or add the subnet',
    ],
    [
      'a machine on a VIP',
      document(
        'Machine',
        'x',
        '{loadBalancerSet: default, agentAddress: 192.168.0.150, interfaces: [{network: lan, device: eth0}]}',
      ),
      "4 Machine/x spec.agentAddress: 192.168.0.150 is in VipPool default: a machine's own address must not be given to a load balancer, so exclude it there",
    ],
    [
      'two machines on one address',
      document(
        'Machine',
        'x',
        '{loadBalancerSet: default, agentAddress: 192.168.0.20, interfaces: [{network: lan, device: eth0}]}',
      ),
      '4 Machine/x spec.agentAddress: 192.168.0.20 is the address of machine lb-1 already: give this one its own',
    ],
    [
      'a backend that is a VIP',
      document(
        'LoadBalancer',
        'x',
        '{loadBalancerSet: default, ports: [{port: 1}], backends: [{name: a, address: 192.168.0.151}]}',
      ),
      '4 LoadBalancer/x spec.backends[0].address: 192.168.0.151 is in VipPool default: a virtual address can never be a backend',
    ],
    [
      'a backend that is a machine',
      document(
        'LoadBalancer',
        'x',
        '{loadBalancerSet: default, ports: [{port: 1}], backends: [{name: a, address: 192.168.0.20}]}',
      ),
      '4 LoadBalancer/x spec.backends[0].address: 192.168.0.20 is LB machine lb-1: it can never be a backend',
    ],
    [
      'an address outside every pool',
      document(
        'LoadBalancer',
        'x',
        '{loadBalancerSet: default, address: 192.168.0.9, ports: [{port: 1}], backends: [{name: a, address: 10.0.0.5}]}',
      ),
      '4 LoadBalancer/x spec.address: 192.168.0.9 is in no VipPool: ask for one of default',
    ],
    [
      'an excluded address',
      document(
        'LoadBalancer',
        'x',
        '{loadBalancerSet: default, address: 192.168.0.160, ports: [{port: 1}], backends: [{name: a, address: 10.0.0.5}]}',
      ),
      '4 LoadBalancer/x spec.address: 192.168.0.160 is excluded from VipPool default: ask for another',
    ],
    [
      'a reserved address',
      document(
        'LoadBalancer',
        'x',
        '{loadBalancerSet: default, address: 192.168.0.157, ports: [{port: 1}], backends: [{name: a, address: 10.0.0.5}]}',
      ),
      '4 LoadBalancer/x spec.address: 192.168.0.157 is reserved for prod/shop/front: ask for another',
    ],
    [
      'a pool closed to the cluster',
      document(
        'Cluster',
        'x',
        '{loadBalancerSet: default, nodeCIDRs: [10.0.0.0/24], controlPlane: {vipPool: default, backends: [10.0.0.1]}}',
      ),
      '4 Cluster/x spec.controlPlane.vipPool: VipPool default is only for prod: add this cluster there, or name another',
    ],
  ])('%s', (_, yaml, message) => {
    expect(wrong(yaml)).toEqual([message]);
  });

  test('a machine without a link on the network of its pools', () => {
    const other = document('Network', 'dmz', '{subnets: [10.9.0.0/24]}');
    const yaml = siteWith('interfaces: [{network: lan, device: eth0}]', 'interfaces: [{network: dmz, device: eth1}]');
    expect(wrong(`${yaml}---\n${other}`, [])).toEqual([
      '46 Machine/lb-1 spec.interfaces: this machine has no interface on network lan, where its set default serves pool default: add one',
    ]);
  });

  test('a set with pools on another network than its machines', () => {
    const more = [
      document('Network', 'dmz', '{subnets: [10.9.0.0/24]}'),
      document('VipPool', 'dmz', '{network: dmz, ranges: [10.9.0.8/29]}'),
      document('LoadBalancerSet', 'x', '{nodeIpPool: machines, vipPools: [default, dmz]}'),
    ];
    expect(wrong(more.join('---\n')).join()).toMatch(
      /^14 LoadBalancerSet\/x spec\.vipPools\[1\]: VipPool dmz is on network dmz, .* not served yet/,
    );
  });

  test('a ninth machine in a set', () => {
    const machines = Array.from({ length: 9 }, (_, index) =>
      document(
        'Machine',
        `m-${index}`,
        `{loadBalancerSet: default, agentAddress: 192.168.0.${30 + index}, interfaces: [{network: lan, device: eth0}]}`,
      ),
    );
    expect(wrong(machines.join('---\n')).join()).toMatch(
      /Machine\/m-8 spec\.loadBalancerSet: default would have 10 machines: 8 can share/,
    );
  });

  test('one address asked for by two', () => {
    const one = (name: string) =>
      document(
        'LoadBalancer',
        name,
        '{loadBalancerSet: default, address: 192.168.0.170, ports: [{port: 1}], backends: [{name: a, address: 10.0.0.5}]}',
      );
    expect(wrong(`${one('a')}---\n${one('b')}`)).toEqual([
      '9 LoadBalancer/b spec.address: 192.168.0.170 is asked for by LoadBalancer a already: ask for another',
    ]);
  });

  test('one resource declared twice', () => {
    const pool = document('NodeIpPool', 'x', '{network: lan, ranges: [192.168.0.40]}');
    expect(wrong(`${pool}---\n${pool}`)).toEqual([
      '8 NodeIpPool/x metadata.name: NodeIpPool/x is declared twice, first in line 3: remove one of the two',
    ]);
  });

  test('a change that breaks what is stored is told of the stored one, which has no line', () => {
    expect(wrong(document('Network', 'lan', '{subnets: [192.168.0.128/25]}')).join('|')).toContain(
      '0 NodeIpPool/machines spec.ranges[0]: 192.168.0.20-192.168.0.29 is not inside a subnet of network lan (192.168.0.128/25)',
    );
  });

  test('who refers to a resource that cannot be read is not blamed for it', () => {
    expect(wrong(siteWith('subnets: [192.168.0.0/24', 'subnets: [192.168.0.1/24'), [])).toEqual([
      '4 Network/lan spec.subnets[0]: 192.168.0.1/24 has host bits set: did you mean 192.168.0.0/24?',
    ]);
  });
});

describe('applying', () => {
  const pool = (ranges: string) => document('NodeIpPool', 'machines', `{network: lan, ranges: [${ranges}]}`);

  test('says what each document did', () => {
    const yaml = [
      pool('192.168.0.20-192.168.0.28'),
      document('Network', 'dmz', '{subnets: [10.9.0.0/24]}'),
      SITE.split('---\n')[0]!,
    ];
    const change = apply(yaml.join('---\n'));
    const results = change.ok
      ? change.applied.map(({ resource, result }) => `${resource.name} ${result}`)
      : change.violations;
    expect(results).toEqual(['machines configured', 'dmz created', 'lan unchanged']);
    expect(change).toMatchObject({ put: [{ name: 'machines' }, { name: 'dmz' }], remove: [] });
  });

  test('what a file declares is changed in the file only, and may be said again as it is', () => {
    const declared = resourcesOf(SITE, 'site.yaml');
    expect(wrong(pool('192.168.0.21'), declared)).toEqual([
      '3 NodeIpPool/machines: NodeIpPool/machines is declared in site.yaml: change it there',
    ]);
    expect(apply(SITE, 'api', declared)).toMatchObject({ ok: true, put: [] });
  });

  test('what is no longer in the files goes, what came through the API stays', () => {
    const declared = [
      ...resourcesOf(SITE, 'old.yaml'),
      ...resourcesOf(document('Network', 'dmz', '{subnets: [10.9.0.0/24]}')),
    ];
    const change = apply(SITE.split('---\n').slice(0, -1).join('---\n'), 'files', declared);
    expect(change).toMatchObject({ ok: true, remove: ['LoadBalancer/registry'] });
  });

  test('a file takes over what came through the API', () => {
    expect(apply(SITE, 'files')).toMatchObject({
      ok: true,
      put: CURRENT.map(({ name }) => ({ name, declaredIn: 'new.yaml' })),
    });
  });
});

describe('deleting', () => {
  test('is refused while others need it, and names them', () => {
    expect(judgeDelete(CURRENT, 'VipPool/default').map(({ message }) => message)).toEqual([
      'VipPool/default is used by Cluster/prod, LoadBalancer/registry, LoadBalancerSet/default: change or delete that first',
    ]);
    expect(judgeDelete(CURRENT, 'LoadBalancer/registry')).toEqual([]);
    expect(judgeDelete(CURRENT, 'Network/unheard-of')).toEqual([]);
  });

  test('is refused for what a file declares', () => {
    expect(judgeDelete(resourcesOf(SITE, 'site.yaml'), 'LoadBalancer/registry')).toMatchObject([
      { message: 'LoadBalancer/registry is declared in site.yaml: remove it there' },
    ]);
  });
});

describe('stored', () => {
  test('a resource comes back as it was, with what its author wrote', () => {
    for (const resource of resourcesOf(SITE, 'site.yaml')) {
      expect(resourceFromText(resourceToText(resource))).toEqual(resource);
    }
    const [, pool] = CURRENT;
    expect(JSON.parse(resourceToJson(pool!, { free: '66' }))).toMatchObject({
      apiVersion: 'fairlead.dev/v1',
      metadata: { name: 'default' },
      spec: { quarantine: '60s', ranges: ['192.168.0.150-192.168.0.200', '192.168.0.208/28'] },
      status: { free: '66' },
    });
  });

  test('the order of fields is no difference, where it was declared is', () => {
    const make = (spec: string) => resourcesOf(document('NodeIpPool', 'x', spec))[0]!;
    const a = make('{network: lan, ranges: [10.0.0.1]}');
    expect(saysTheSame(a, make('{ranges: [10.0.0.1], network: lan}'))).toBe(true);
    expect(saysTheSame(a, make('{ranges: [10.0.0.2], network: lan}'))).toBe(false);
    expect(saysTheSame(a, { ...a, declaredIn: 'site.yaml' })).toBe(false);
  });

  test('a record of a newer version, or one the rules refuse, is not read as something else', () => {
    const text = resourceToText(CURRENT[0]!);
    expect(() => resourceFromText(text.replace('"schema":1', '"schema":2'))).toThrow(
      'has schema 2, this version reads 1',
    );
    expect(() => resourceFromText(text.replace('192.168.0.0/24', '192.168.0.1/24'))).toThrow('has host bits set');
    expect(() => resourceOf({ kind: 'Network' })).toThrow('write apiVersion: fairlead.dev/v1');
  });
});
