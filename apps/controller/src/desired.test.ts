import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ServiceSpec, SliceObject } from './cluster/objects.ts';
import { narrowService } from './cluster/narrow.ts';
import type { Desired, Surroundings } from './desired.ts';
import { CLASS, desired } from './desired.ts';
import { HTTP, service, type ServiceParts, slice } from './testing/objects.ts';

const AROUND: Surroundings = { cluster: 'prod', defaultClass: false, namespaceLabels: { team: 'web' }, slices: [] };

function ask(parts: ServiceParts = {}, around: Partial<Surroundings> = {}): Desired {
  return desired(service(parts), { ...AROUND, ...around });
}

it('makes a load balancer of a Service of our class', () => {
  expect(ask({ metadata: { labels: { app: 'front' } } })).toEqual({
    kind: 'wanted',
    loadBalancer: {
      id: 'uid-1',
      cluster: 'prod',
      namespace: 'shop',
      name: 'front',
      wantedAddresses: [],
      families: ['ipv4'],
      ports: [
        {
          name: 'http',
          protocol: 'TCP',
          port: 80,
          target: { kind: 'node-port', nodePort: 30_080, nodes: 'all' },
          check: { kind: 'node' },
        },
      ],
      labels: { app: 'front' },
      namespaceLabels: { team: 'web' },
    },
  });
});

it('serves every port, in their order', () => {
  const wish = ask({ spec: { ports: [HTTP, { name: 'https', port: 443, nodePort: 30_443 }] } });
  expect(wish).toMatchObject({ loadBalancer: { ports: [{ port: 80 }, { name: 'https', port: 443 }] } });
});

it('sends connections of policy Local only to nodes with ready pods, known by their health port', () => {
  const wish = ask(
    { spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } },
    { slices: [slice(['b', 'ready'], ['a', 'ready'])] },
  );
  expect(wish).toMatchObject({
    loadBalancer: {
      ports: [{ target: { nodes: ['a', 'b'] }, check: { kind: 'http', port: 31_000, path: '/healthz' } }],
    },
  });
});

it('names no node for policy Local when no pod is ready, rather than all of them', () => {
  const wish = ask({ spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } });
  expect(wish).toMatchObject({ loadBalancer: { ports: [{ target: { nodes: [] } }] } });
});

it.each<[string, ServiceParts]>([
  ['by annotation', { metadata: { annotations: { 'fairlead.dev/backend-mode': 'pod' } } }],
  [
    'by its wish for no node ports',
    { spec: { allocateLoadBalancerNodePorts: false, ports: [{ ...HTTP, nodePort: 0 }] } },
  ],
  [
    'whatever its traffic policy',
    {
      metadata: { annotations: { 'fairlead.dev/backend-mode': 'pod' } },
      spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 },
    },
  ],
])('sends connections straight to the pods of a Service that wants it %s', (_how, parts) => {
  const endpoints = [
    { name: 'front-a-0', address: '10.200.97.2', port: 8080, draining: false, node: 'a' },
    { name: 'front-b-1', address: '10.200.98.3', port: 8080, draining: true, node: 'b' },
  ];
  const port = { port: 80, target: { kind: 'endpoints', endpoints }, check: { kind: 'tcp' } };
  expect(ask(parts, { slices: [slice(['a', 'ready'], ['b', 'ending'])] })).toMatchObject({
    loadBalancer: { backendMode: 'pod', ports: [port] },
  });
});

it('lets nodes whose pods end or are not ready keep the connections they have', () => {
  const local = { spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } };
  const targetOf = (...slices: SliceObject[]): unknown => {
    const wish = ask(local, { slices });
    return wish.kind === 'wanted' && wish.loadBalancer.ports[0]!.target;
  };
  const both = slice(['a', 'ready'], ['b', 'ending'], ['c', 'closed'], ['a', 'ending']);
  expect(targetOf(both)).toMatchObject({ nodes: ['a'], drainingNodes: ['b', 'c'] });
  expect(targetOf(slice(['b', 'ending']), slice(['c', 'closed'], ['a', 'ready']))).toEqual(targetOf(both));
});

it('sends connections of policy Local to pods that end when no other is left, whatever their nodes say', () => {
  const local = { spec: { externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 } };
  const target = { nodes: ['b'], drainingNodes: ['c'], lastResort: true };
  const slices = [slice(['b', 'ending'], ['c', 'closed'])];
  expect(ask(local, { slices })).toMatchObject({ loadBalancer: { ports: [{ target }] } });
});

it('expects an answer once a pod is ready, or while its EndpointSlices are still to come', () => {
  expect(ask({}, { slices: [slice(['a', 'ready'])] })).toMatchObject({ loadBalancer: { expectsAnswer: true } });
  expect(ask({ spec: { hasSelector: true } }, { slices: undefined })).toMatchObject({
    loadBalancer: { expectsAnswer: true },
  });
  expect(ask({ spec: { hasSelector: true } }, { slices: [slice(['a', 'closed'])] })).not.toHaveProperty(
    'loadBalancer.expectsAnswer',
  );
  expect(ask({}, { slices: undefined })).not.toHaveProperty('loadBalancer.expectsAnswer');
  expect(ask()).not.toMatchObject({ loadBalancer: { expectsAnswer: true } });
});

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

it.each<[string, { [K in keyof ServiceSpec]?: ServiceSpec[K] | undefined }, boolean, Desired['kind']]>([
  ['our class', { loadBalancerClass: CLASS }, false, 'wanted'],
  ['our class, where we are the default', { loadBalancerClass: CLASS }, true, 'wanted'],
  ['no class', { loadBalancerClass: undefined }, false, 'not-ours'],
  ['no class, where we are the default', { loadBalancerClass: undefined }, true, 'wanted'],
  ['another class', { loadBalancerClass: 'metallb.io/x' }, false, 'not-ours'],
  ['another class, where we are the default', { loadBalancerClass: 'metallb.io/x' }, true, 'not-ours'],
  ['an empty class, where we are the default', { loadBalancerClass: '' }, true, 'not-ours'],
  ['type ClusterIP', { type: 'ClusterIP' }, true, 'not-ours'],
  ['type NodePort of our class', { type: 'NodePort' }, true, 'not-ours'],
])('knows whose Service it is: %s', (_name, spec, defaultClass, kind) => {
  expect(ask({ spec: spec as Partial<ServiceSpec> }, { defaultClass }).kind).toBe(kind);
});

const annotated = (key: string, value: string): ServiceParts => ({ metadata: { annotations: { [key]: value } } });
const OLD_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const ranged = (...loadBalancerSourceRanges: string[]): ServiceParts => ({ spec: { loadBalancerSourceRanges } });
const LOCAL = { externalTrafficPolicy: 'Local' };

it.each<[string, ServiceParts, readonly string[] | undefined]>([
  ['the field', ranged(' 10.0.0.0/8', 'FD00::/8', '10.0.0.0/8 '), ['10.0.0.0/8', 'fd00::/8']],
  ['the annotation', annotated(OLD_RANGES, '10.0.0.0/8, 192.0.2.1/32'), ['10.0.0.0/8', '192.0.2.1/32']],
  [
    'the field before the annotation, whatever that says',
    { ...ranged('10.0.0.0/8'), ...annotated(OLD_RANGES, 'nonsense') },
    ['10.0.0.0/8'],
  ],
  ['an empty field and the annotation', { ...ranged(), ...annotated(OLD_RANGES, '10.0.0.0/8') }, ['10.0.0.0/8']],
  ['everyone, when both are empty', { ...ranged(), ...annotated(OLD_RANGES, ' ') }, undefined],
  ['everyone, when there is neither', {}, undefined],
  ['all of a family', ranged('0.0.0.0/0'), ['0.0.0.0/0']],
])('takes who may connect from %s', (_name, parts, ranges) => {
  const wish = ask(parts);
  expect(wish.kind === 'wanted' && wish.loadBalancer.sourceRanges).toEqual(ranges);
});

it('takes ranges in whatever order they are written', () => {
  expect(ask(ranged('10.0.0.0/8', 'fd00::/8'))).toEqual(ask(ranged('fd00::/8', '10.0.0.0/8')));
});

it.each([
  '',
  '10.0.0.1/8',
  '10.0.0.0',
  '010.0.0.0/8',
  '10.0.0.0/33',
  'fe80::%eth0/64',
  '::ffff:10.0.0.0/104',
  '10.0.0.0/8\n0.0.0.0/0',
  '10.0.0.0/8 }; flush ruleset',
  '１０.0.0.0/8',
  '9'.repeat(1024 * 1024),
])('refuses all ranges for the sake of %.40j, naming it', (text) => {
  for (const parts of [ranged('10.0.0.0/8', text), annotated(OLD_RANGES, `10.0.0.0/8,${text}`)]) {
    const wish = ask(parts);
    expect(wish).toMatchObject({ kind: 'refused', refusals: [{ reason: 'INVALID_SOURCE_RANGE' }] });
    const { field, message } = (wish as Extract<Desired, { kind: 'refused' }>).refusals[0]!;
    expect(field).toMatch(/(spec\.loadBalancerSourceRanges|load-balancer-source-ranges\])\[1\]$/);
    expect(message).toMatch(/^[^\n]*: .+[.?]$/);
    expect(message.length).toBeLessThan(400);
  }
});

it('takes thousands of ranges, and refuses more than the machines keep', () => {
  const many = (count: number) =>
    ranged(...Array.from({ length: count }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`));
  expect(ask(many(5000)).kind).toBe('wanted');
  expect(ask(many(10_001))).toMatchObject({ refusals: [{ reason: 'TOO_MANY_SOURCE_RANGES' }] });
});

it.each<[string, ServiceParts, string, string]>([
  ['SCTP', { spec: { ports: [{ ...HTTP, protocol: 'SCTP' }] } }, 'PROTOCOL_NOT_SERVED', 'spec.ports[0].protocol'],
  [
    'a protocol that reads like one',
    { spec: { ports: [HTTP, { ...HTTP, protocol: 'UDP\n' }] } },
    'PROTOCOL_NOT_SERVED',
    'spec.ports[1].protocol',
  ],
  ['no port', { spec: { ports: [] } }, 'NO_PORTS', 'spec.ports'],
  ['no node port', { spec: { ports: [{ port: 80 }] } }, 'NODE_PORT_MISSING', 'spec.ports[0].nodePort'],
  ['an affinity to come', { spec: { sessionAffinity: 'Sticky' } }, 'AFFINITY_NOT_SERVED', 'spec.sessionAffinity'],
  ['a family that is none', { spec: { ipFamilies: ['IPv5'] } }, 'INVALID_FAMILIES', 'spec.ipFamilies'],
  ['a family named like a property', { spec: { ipFamilies: ['valueOf'] } }, 'INVALID_FAMILIES', 'spec.ipFamilies'],
  ['a family twice', { spec: { ipFamilies: ['IPv6', 'IPv6'] } }, 'INVALID_FAMILIES', 'spec.ipFamilies'],
  ['a policy to come', { spec: { ipFamilyPolicy: 'AnyStack' } }, 'INVALID_FAMILIES', 'spec.ipFamilyPolicy'],
  [
    'dual stack that the API server did not resolve',
    { spec: { ipFamilyPolicy: 'RequireDualStack' } },
    'INVALID_FAMILIES',
    'spec.ipFamilyPolicy',
  ],
  [
    'no node port, where node ports are wanted after all',
    {
      metadata: { annotations: { 'fairlead.dev/backend-mode': 'node-port' } },
      spec: { allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] },
    },
    'NODE_PORT_MISSING',
    'spec.ports[0].nodePort',
  ],
  [
    'UDP to pods',
    {
      metadata: { annotations: { 'fairlead.dev/backend-mode': 'pod' } },
      spec: { ports: [HTTP, { ...HTTP, protocol: 'UDP' }] },
    },
    'PROTOCOL_NOT_SERVED',
    'spec.ports[1].protocol',
  ],
  [
    'a backend mode that there is not',
    annotated('fairlead.dev/backend-mode', 'Pod'),
    'INVALID_ANNOTATION',
    'metadata.annotations[fairlead.dev/backend-mode]',
  ],
  [
    'a policy to come',
    { spec: { externalTrafficPolicy: 'Zone' } },
    'TRAFFIC_POLICY_NOT_SERVED',
    'spec.externalTrafficPolicy',
  ],
  ['Local without its port', { spec: LOCAL }, 'HEALTH_CHECK_NODE_PORT_MISSING', 'spec.healthCheckNodePort'],
  [
    'an address of the other family',
    { spec: { loadBalancerIP: 'fd00::1' } },
    'ADDRESS_FAMILY_MISMATCH',
    'spec.loadBalancerIP',
  ],
  [
    'an address with leading zeros',
    { spec: { loadBalancerIP: '010.0.0.1' } },
    'INVALID_ADDRESS',
    'spec.loadBalancerIP',
  ],
  ['a range as an address', { spec: { loadBalancerIP: '10.0.0.1/24' } }, 'INVALID_ADDRESS', 'spec.loadBalancerIP'],
  ['a loopback address', { spec: { loadBalancerIP: '127.0.0.1' } }, 'INVALID_ADDRESS', 'spec.loadBalancerIP'],
  [
    'an address with a line break',
    { spec: { loadBalancerIP: '10.0.0.1\n' } },
    'INVALID_ADDRESS',
    'spec.loadBalancerIP',
  ],
  [
    'an empty address annotation',
    annotated('fairlead.dev/ip', ''),
    'INVALID_ADDRESS',
    'metadata.annotations[fairlead.dev/ip]',
  ],
  [
    'two addresses of one family',
    annotated('fairlead.dev/ip', '10.0.0.1,10.0.0.2'),
    'ADDRESS_CONFLICT',
    'metadata.annotations[fairlead.dev/ip]',
  ],
  [
    'a pool of bad form',
    annotated('fairlead.dev/pool', 'a\nb'),
    'INVALID_POOL',
    'metadata.annotations[fairlead.dev/pool]',
  ],
  [
    'a slip in an annotation',
    annotated('fairlead.dev/pol', 'x'),
    'UNKNOWN_ANNOTATION',
    'metadata.annotations[fairlead.dev/pol]',
  ],
  [
    'an annotation named like a property',
    annotated('fairlead.dev/constructor', 'x'),
    'UNKNOWN_ANNOTATION',
    'metadata.annotations[fairlead.dev/constructor]',
  ],
])('refuses %s, naming the field', (_name, parts, reason, field) => {
  const wish = ask(parts);
  if (wish.kind !== 'refused') throw new Error(`not refused: ${wish.kind}`);
  expect(wish.refusals).toMatchObject([{ reason, field }]);
  expect(wish.refusals[0]!.message).toMatch(/^[^\n]*: .+\.$|^[^\n]*: .+\?$/);
});

it('asks what was meant by an annotation that nearly is one of ours', () => {
  const wish = ask(annotated('fairlead.dev/prixy-protocol', 'v2'));
  expect(wish).toMatchObject({
    refusals: [{ message: expect.stringContaining('did you mean fairlead.dev/proxy-protocol?') }],
  });
});

it('serves TCP and UDP on one port number, alive by the same check', () => {
  const ports = [HTTP, { ...HTTP, name: 'quic', protocol: 'UDP' }];
  const check = { kind: 'http', port: 32_000, path: '/healthz' };
  const wish = ask({ spec: { ports, externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 } });
  expect(wish).toMatchObject({
    loadBalancer: {
      ports: [
        { protocol: 'TCP', port: 80, check },
        { protocol: 'UDP', port: 80, check },
      ],
    },
  });
});

it('names all that is wrong at once, in the order of the fields', () => {
  const wish = ask({
    metadata: { annotations: { 'fairlead.dev/zzz': '' } },
    spec: { sessionAffinity: 'Sticky', loadBalancerIP: 'x', ports: [{ ...HTTP, protocol: 'SCTP' }] },
  });
  expect(wish).toMatchObject({
    refusals: [
      { reason: 'PROTOCOL_NOT_SERVED' },
      { reason: 'INVALID_ADDRESS' },
      { reason: 'AFFINITY_NOT_SERVED' },
      { reason: 'UNKNOWN_ANNOTATION' },
    ],
  });
});

it('leaves annotations of others alone', () => {
  expect(ask(annotated('example.com/ip', 'x')).kind).toBe('wanted');
});

const HOSTILE = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('\n', '\0', '10.0.0.1\nbind *:22', '010.0.0.1', '10.0.0.1/8', '::ffff:1.2.3.4', 'fe80::1%eth0'),
  fc.constantFrom('"; }', '${HOME}', '#', '\u{1f980}', '\ud800', '１.２.３.４', 'a'.repeat(1024 * 1024)),
);

it('refuses hostile text for that Service alone, in short sentences, and never throws', () => {
  fc.assert(
    fc.property(
      HOSTILE,
      fc.constantFrom('ip', 'pool', 'field', 'key', 'port', 'policy', 'family', 'range', 'ranges'),
      (text, place) => {
        const parts: ServiceParts = {
          ip: annotated('fairlead.dev/ip', text),
          pool: annotated('fairlead.dev/pool', text),
          field: { spec: { loadBalancerIP: text } },
          key: annotated(`fairlead.dev/${text}`, text),
          port: { spec: { ports: [{ ...HTTP, name: text }] } },
          policy: { spec: { externalTrafficPolicy: text, sessionAffinity: text } },
          family: { spec: { ipFamilies: [text] } },
          range: ranged('10.0.0.0/8', text),
          ranges: annotated(OLD_RANGES, text),
        }[place];
        const wish = ask(parts);
        // What goes through is of the strict forms only; what does not is refused in short.
        const wanted = wish.kind === 'wanted' ? wish.loadBalancer : undefined;
        const sent = [
          ...(wanted?.wantedAddresses ?? []),
          wanted?.pool,
          ...(wanted?.ports ?? []).map(({ name }) => name),
        ];
        const said = wish.kind === 'refused' ? wish.refusals.map(({ message }) => message.length) : [];
        expect(wish.kind).not.toBe('not-ours');
        expect(sent.join('')).toMatch(/^[-a-z0-9.:]*$/);
        for (const range of wanted?.sourceRanges ?? []) expect(range).toMatch(/^[0-9a-f.:]+\/\d+$/);
        expect(Math.max(0, ...said)).toBeLessThan(1000);
      },
    ),
    { numRuns: 300 },
  );
});

it('reads whatever JSON stands in a Service without throwing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (metadata, spec, status) => {
      const raw = { metadata: { name: 'x', namespace: 'y', labels: metadata, annotations: metadata }, spec, status };
      const object = narrowService({ ...raw, spec: Object.assign({}, spec, { type: 'LoadBalancer' }) });
      const wish = object && desired(object, { ...AROUND, defaultClass: true });
      expect(['wanted', 'refused', 'not-ours', undefined]).toContain(wish?.kind);
    }),
  );
});
