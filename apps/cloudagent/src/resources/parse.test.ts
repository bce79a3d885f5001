import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from './parse.ts';
import { formatViolation, SITE } from './site.fixture.ts';
import { resourcesOf } from './stored.ts';

/** `line field: message` of each violation. */
function wrong(yaml: string): string[] {
  return parse([{ yaml, source: 'site.yaml' }]).violations.map(formatViolation);
}

function document(kind: string, spec: string, name = 'x'): string {
  const indented = spec
    .trim()
    .split('\n')
    .map((line) => `  ${line}`);
  return `apiVersion: fairlead.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:\n${indented.join('\n')}\n`;
}

test('a site with one of each kind is read', () => {
  expect(wrong(SITE)).toEqual([]);
  expect(resourcesOf(SITE).map(({ kind, name }) => `${kind}/${name}`)).toEqual([
    'Network/lan',
    'VipPool/default',
    'NodeIpPool/machines',
    'LoadBalancerSet/default',
    'Machine/lb-1',
    'Cluster/prod',
    'LoadBalancer/registry',
  ]);
});

test('what is left out has the value that is documented', () => {
  const [pool, set, cluster, balancer] = resourcesOf(
    [
      document('VipPool', 'network: lan\nranges: [10.0.0.1]'),
      document('LoadBalancerSet', 'nodeIpPool: m\nvipPools: [x]'),
      document(
        'Cluster',
        'loadBalancerSet: x\nnodeCIDRs: [10.0.0.0/24]\ncontrolPlane: {port: 443, backends: [10.0.0.9]}',
      ),
      document('LoadBalancer', 'loadBalancerSet: x\nports: [{port: 80}]\nbackends: [{name: a, address: 10.0.0.9}]'),
    ].join('---\n'),
  );
  expect(pool?.spec).toMatchObject({
    autoAssign: true,
    priority: 0,
    clusters: [],
    quarantineMs: 60_000,
    sharing: 'namespace',
    reservations: [],
  });
  expect(set?.spec).toMatchObject({ sku: 'haproxy', count: 2, mode: 'active-passive', advertIntervalMs: 100 });
  expect(cluster?.spec).toMatchObject({
    nodeCheck: 'auto',
    maxBackends: 16,
    controlPlane: { port: 443, backendPort: 443 },
  });
  expect(balancer?.spec).toMatchObject({
    loadBalancer: {
      id: 'static/x',
      wantedAddresses: [],
      ports: [
        { name: '', protocol: 'TCP', port: 80, target: { endpoints: [{ name: 'a', address: '10.0.0.9', port: 80 }] } },
      ],
    },
  });
});

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

test("sizes may have the names of the seed's virtual machines", () => {
  const [set] = resourcesOf(
    document('LoadBalancerSet', 'nodeIpPool: m\nvipPools: [x]\nsku: HAProxy\nsize: Standard_K8S3_v1'),
  );
  expect(set?.spec).toMatchObject({ sku: 'haproxy', size: { cpus: 4, memoryBytes: 6 * 2 ** 30 } });
});

test('every violation of every document is told at once, with its line', () => {
  const text = `apiVersion: fairlead.dev/v1
kind: Network
metadata: {name: lan}
spec:
  subnets: [192.168.0.7/24]
  gatway: [192.168.0.1]
---
apiVersion: fairlead.dev/v2
kind: VipPol
metadata: {name: Default}
---
apiVersion: fairlead.dev/v1
kind: VipPool
metadata: {name: default}
spec:
  ranges:
    - 192.168.0.9-192.168.0.2
    - 192.168.0.300
  quarantine: 60
  autoAssign: yes
`;
  expect(wrong(text)).toEqual([
    '5 Network/lan spec.subnets[0]: 192.168.0.7/24 has host bits set: did you mean 192.168.0.0/24?',
    '6 Network/lan spec.gatway: unknown field "gatway": did you mean gateways?',
    '8 VipPol/Default apiVersion: write apiVersion: fairlead.dev/v1',
    '9 VipPol/Default kind: "VipPol" is not known here: did you mean VipPool?',
    '10 VipPol/Default metadata.name: "Default" is not a name: use at most 63 small letters, digits and "-", with a letter or digit at both ends',
    '15 VipPool/default spec.network: this field is missing: give it text',
    '17 VipPool/default spec.ranges[0]: 192.168.0.9-192.168.0.2 ends before it starts',
    '18 VipPool/default spec.ranges[1]: "192.168.0.300" is not an IP address',
    '19 VipPool/default spec.quarantine: 60 has no unit: write 60s or 60ms',
    '20 VipPool/default spec.autoAssign: this must be true or false, not the text "yes"',
  ]);
});

describe('what means something but is not served yet is refused by name', () => {
  const set = 'nodeIpPool: m\nvipPools: [x]';
  const cluster = 'loadBalancerSet: x\nnodeCIDRs: [10.0.0.0/24]';
  const balancer = 'loadBalancerSet: x\nbackends: [{name: a, address: 10.0.0.9}]';
  test.each([
    [document('Network', 'subnets: [10.0.0.0/24]\nannounce: none'), 'announce: none is not served yet: write arp'],
    [
      document('VipPool', 'network: lan\nranges: [10.0.0.1]\nserviceSelector: {matchExpressions: []}'),
      'serviceSelector.matchExpressions: matchExpressions is not served yet: use matchLabels',
    ],
    [
      document('LoadBalancerSet', `${set}\nmode: active-active`),
      'mode: active-active is not served yet: write active-passive',
    ],
    [
      document('LoadBalancerSet', `${set}\naddressing: macvlan`),
      'addressing: macvlan is not served yet: write main-link',
    ],
    [
      document('LoadBalancerSet', `${set}\nprovisioner: {command: [make]}`),
      'provisioner: a command that makes machines is not served yet: write manual, and use `fairlead machines add`',
    ],
    [
      document('Cluster', `${cluster}\npodRoutes: static`),
      'podRoutes: podRoutes is static, but there are no podCIDRs that it could be for: name them',
    ],
    [document('Cluster', `${cluster}\ndrainTimeout: 10`), 'drainTimeout: 10 has no unit: write 10s or 10ms'],
    [
      document('LoadBalancer', `${balancer}\nports: [{port: 53, protocol: SCTP}]`),
      'ports[0].protocol: SCTP is not served yet: write TCP or UDP',
    ],
  ])('%#', (yaml, message) => {
    expect(wrong(yaml).map((text) => text.replace(/^\d+ \w+\/x spec\./, ''))).toEqual([message]);
  });
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

describe('one resource by itself', () => {
  const balancer = 'loadBalancerSet: x\nbackends: [{name: a, address: 10.0.0.9}]';
  test.each([
    ['Network', 'subnets: []', '5 Network/x spec.subnets: this list is empty: write at least one'],
    [
      'Network',
      'subnets: [127.0.0.0/8]',
      '5 Network/x spec.subnets[0]: 127.0.0.0/8 includes 127.0.0.0-127.255.255.255, which is a loopback address: it can be no network',
    ],
    [
      'Network',
      'subnets: [10.0.0.0/24]\ngateways: [10.0.1.1]',
      '6 Network/x spec.gateways[0]: gateway 10.0.1.1 is in none of the IPv4 subnets of this network',
    ],
    ['Network', 'subnets: [10.0.0.0/24]\nmtu: 99999', '6 Network/x spec.mtu: this is too big: write 9216 or less'],
    [
      'VipPool',
      'network: lan\nranges: 10.0.0.1',
      '6 VipPool/x spec.ranges: this must be a list, not the text "10.0.0.1"',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1-10.0.0.9, 10.0.0.9]',
      '6 VipPool/x spec.ranges[1]: 10.0.0.9 overlaps 10.0.0.1-10.0.0.9 of the same pool: leave the common part in one of them',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nexclude: [10.0.0.2]',
      "7 VipPool/x spec.exclude[0]: 10.0.0.2 is in none of this pool's ranges: there is nothing to exclude",
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nreservations: [{address: 10.0.0.2, cluster: a, namespace: b, name: c}]',
      "7 VipPool/x spec.reservations[0]: 10.0.0.2 is in none of this pool's ranges: it cannot be reserved here",
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nclusters: [z]\nreservations: [{address: 10.0.0.1, cluster: a, namespace: b, name: c}]',
      '8 VipPool/x spec.reservations[0]: 10.0.0.1 is reserved for cluster a, which is not among the clusters of this pool: add it there',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nquarantine: 2w',
      '7 VipPool/x spec.quarantine: "2w" is not a time span: write a number and ms, s, m, h or d, for example 60s',
    ],
    [
      'VipPool',
      'network: 5\nranges: [10.0.0.1]',
      '5 VipPool/x spec.network: this must be text, not 5: put it in quotes',
    ],
    [
      'VipPool',
      'network: lan\nranges: [10.0.0.1]\nserviceSelector: {matchLabels: {"a b": c}}',
      '7 VipPool/x spec.serviceSelector.matchLabels["a b"]: "a b=c" is not a label that Kubernetes accepts: use letters, digits, "-", "_" and "."',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nvrrp: {advertInterval: 20ms}',
      '7 LoadBalancerSet/x spec.vrrp.advertInterval: 20ms is out of bounds: write 30ms to 40950ms',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nvrrp: {advertInterval: 35ms}',
      '7 LoadBalancerSet/x spec.vrrp.advertInterval: VRRP counts in steps of 10ms: write a multiple of it',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nsize: Standard_K8S3_v2',
      '7 LoadBalancerSet/x spec.size: "Standard_K8S3_v2" is not a size known here: did you mean Standard_K8S3_v1?',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nsize: {cpus: 2, memory: 2GB}',
      '7 LoadBalancerSet/x spec.size.memory: "2GB" is not an amount of memory: write for example 2Gi',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x]\nsize: {cpu: 2, memory: 2Gi}',
      '7 LoadBalancerSet/x spec.size.cpus: this field is missing: give it a number|7 LoadBalancerSet/x spec.size.cpu: unknown field "cpu": did you mean cpus?',
    ],
    [
      'LoadBalancerSet',
      'nodeIpPool: m\nvipPools: [x, x]',
      '6 LoadBalancerSet/x spec.vipPools[1]: x is here twice: remove one',
    ],
    [
      'Machine',
      'loadBalancerSet: s\nagentAddress: 224.0.0.1\ninterfaces: [{network: lan, device: "eth0; rm"}]',
      '6 Machine/x spec.agentAddress: 224.0.0.1 is a multicast address: no machine can have it|7 Machine/x spec.interfaces[0].device: "eth0; rm" is not a link name: write for example eth0',
    ],
    ['Cluster', 'loadBalancerSet: s', '4 Cluster/x spec.nodeCIDRs: this field is missing: give it a list'],
    [
      'Cluster',
      'loadBalancerSet: s\nnodeCIDRs: [10.0.0.0/24]\ncontrolPlane: {backends: [10.0.1.1, 127.0.0.1]}',
      '7 Cluster/x spec.controlPlane.backends[1]: 127.0.0.1 is a loopback address: it can never be a backend',
    ],
    [
      'Cluster',
      'loadBalancerSet: s\nnodeCIDRs: [10.0.0.0/24]\ncontrolPlane: {backends: [10.0.1.1]}',
      '7 Cluster/x spec.controlPlane.backends[0]: 10.0.1.1 is outside nodeCIDRs: widen nodeCIDRs, or correct the address',
    ],
    [
      'LoadBalancer',
      `${balancer}\nports: [{port: 80}, {port: 81}]`,
      '7 LoadBalancer/x spec.ports[0]: with several ports, each one needs a name|7 LoadBalancer/x spec.ports[1]: with several ports, each one needs a name',
    ],
    [
      'LoadBalancer',
      `${balancer}\nports: [{name: a, port: 80}, {name: a, port: 80}]`,
      '7 LoadBalancer/x spec.ports[1]: 80/TCP is here twice: remove one|7 LoadBalancer/x spec.ports[1]: another port is called a already: rename one',
    ],
    [
      'LoadBalancer',
      `${balancer}\nports: [{port: 70000}]`,
      '7 LoadBalancer/x spec.ports[0].port: this is too big: write 65535 or less',
    ],
  ])('%s %j', (kind, spec, message) => {
    expect(wrong(document(kind, spec)).join('|')).toBe(message);
  });
});

describe('documents', () => {
  test('several sources keep their names and their own lines', () => {
    const texts = ['a.yaml', 'b.yaml'].map((source) => ({ source, yaml: `\n${document('Netwerk', 'subnets: []')}` }));
    const { violations } = parse(texts);
    expect(violations.map(({ source, line }) => `${source}:${line}`)).toEqual(['a.yaml:3', 'b.yaml:3']);
  });

  test('what `get -o yaml` prints can be applied again: status and List are taken', () => {
    const item = document('NodeIpPool', 'network: lan\nranges: [10.0.0.1]').trim().split('\n');
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${item.join('\n  ')}\n  status: {free: 1}\n`;
    expect(resourcesOf(list)).toMatchObject([{ kind: 'NodeIpPool', name: 'x' }]);
    expect(wrong(list.replace('10.0.0.1', '10.0.0.1/8'))).toEqual([
      '9 NodeIpPool/x spec.ranges[0]: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?',
    ]);
  });

  test('comments, empty documents and anchors are fine', () => {
    const yaml = `# nothing\n---\n---\n${document('VipPool', 'network: &n lan\nranges: [10.0.0.1]\nclusters: [*n]')}`;
    expect(resourcesOf(yaml)).toMatchObject([{ spec: { network: 'lan', clusters: ['lan'] } }]);
  });

  test.each([
    [
      'a: [1, 2',
      'this is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['a: 1\na: 2', 'this is not valid YAML: Map keys must be unique'],
    ['a: *nobody', 'there is no anchor &nobody before this'],
    ['? [a]\n: b', 'a field name here is not plain text: put it in quotes'],
    ['__proto__: {a: 1}', 'a field name here is not plain text: put it in quotes'],
    ['a: .nan', 'this value is neither text, a number nor true or false: put it in quotes'],
    ['a: &a [*a]', 'there is no anchor &a before this'],
  ])('%j is refused', (yaml, message) => {
    expect(wrong(yaml).join('|')).toContain(message);
  });

  test('a namespace is refused, as a site has none', () => {
    const yaml = document('Network', 'subnets: [10.0.0.0/24]').replace('{name: x}', '{name: x, namespace: default}');
    expect(wrong(yaml)).toEqual(["3 Network/x metadata.namespace: a site's resources have no namespace: remove it"]);
  });
});

describe('hostile input', () => {
  test('aliases of aliases of aliases end early', () => {
    const lines = Array.from(
      { length: 30 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`,
    );
    const started = performance.now();
    expect(wrong(`a0: &a0 [x]\n${lines.join('\n')}`).join()).toContain('has more than 100000 parts');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('an anchor inside itself, deep nesting and huge files end early', () => {
    expect(wrong(`a: &a\n  b: *a\n`).length).toBeGreaterThan(0);
    expect(wrong('['.repeat(50_000)).length).toBeGreaterThan(0);
    expect(wrong(`${'{a: '.repeat(40)}1${'}'.repeat(40)}`).join()).toContain('nested deeper than 32 levels');
    expect(wrong(`# ${'x'.repeat(2 ** 20)}`).join()).toContain('more than 1048576 characters');
  });

  const field = fc.constantFrom(
    'apiVersion',
    'kind',
    'metadata',
    'spec',
    'name',
    'ranges',
    'ports',
    '__proto__',
    'constructor',
    'size',
  );
  const leaf = fc.oneof(
    fc.constantFrom(
      'fairlead.dev/v1',
      'VipPool',
      'Cluster',
      'LoadBalancer',
      'LoadBalancerSet',
      '10.0.0.0/24',
      '1e400',
      '0x',
      '',
    ),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.constant(null),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(field, tie('tree'), { maxKeys: 4 }),
    ),
  }));

  test('whatever is read, nothing is thrown, and what is not taken is explained', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      tree.map((value) => JSON.stringify(value)),
      fc
        .tuple(fc.constantFrom('Network', 'VipPool', 'Machine', 'Cluster', 'LoadBalancer', 'LoadBalancerSet'), tree)
        .map(([kind, spec]) => JSON.stringify({ apiVersion: 'fairlead.dev/v1', kind, metadata: { name: 'x' }, spec })),
      fc
        .tuple(fc.nat(SITE.length), fc.nat(20), fc.string())
        .map(([at, cut, put]) => SITE.slice(0, at) + put + SITE.slice(at + cut)),
    );
    fc.assert(
      fc.property(text, (yaml) => {
        const { declarations, violations } = parse([{ yaml, source: 's' }]);
        const sentences = violations.every(
          ({ message, line }) => message.length > 5 && !message.includes('undefined') && line >= 0,
        );
        expect([sentences, declarations.every(({ resource }) => resource.name.length <= 63)]).toEqual([true, true]);
      }),
      { numRuns: 250 },
    );
  });
});
