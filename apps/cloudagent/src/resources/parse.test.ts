import { describe, expect, test } from 'vitest';
import { document, wrong } from './document.fixture.ts';
import { parse } from './parse.ts';
import { SITE } from './site.fixture.ts';
import { resourcesOf } from './stored.ts';

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
