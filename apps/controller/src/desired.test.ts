import { expect, it } from 'vitest';
import type { ServiceSpec, SliceObject } from './cluster/objects.ts';
import type { Desired } from './desired.ts';
import { CLASS } from './desired.ts';
import { annotated, ask } from './testing/asking.ts';
import { HTTP, type ServiceParts, slice } from './testing/objects.ts';

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

it('sends flows straight to the pods by the port of that name and protocol', () => {
  const both = {
    ...slice(['a', 'ready'], ['b', 'ending']),
    ports: [
      { name: 'dns-tcp', protocol: 'TCP', port: 5353 },
      { name: 'dns', protocol: 'UDP', port: 5300 },
    ],
  };
  const other = { ...slice(['c', 'ready']), name: 'front-2', ports: [{ name: 'dns', protocol: 'UDP', port: 5301 }] };
  const wish = ask(
    {
      spec: {
        allocateLoadBalancerNodePorts: false,
        ports: [
          { name: 'dns-tcp', protocol: 'TCP', port: 53 },
          { name: 'dns', protocol: 'UDP', port: 53 },
        ],
      },
    },
    { slices: [both, other] },
  );
  const at = (node: string, address: string, port: number, draining = false) => ({ node, address, port, draining });
  const [tcp, udp] = [
    [at('a', '10.200.97.2', 5353), at('b', '10.200.98.3', 5353, true)],
    [at('a', '10.200.97.2', 5300), at('b', '10.200.98.3', 5300, true), at('c', '10.200.99.2', 5301)],
  ];
  expect(wish).toMatchObject({
    loadBalancer: {
      backendMode: 'pod',
      ports: [
        { protocol: 'TCP', port: 53, target: { endpoints: tcp } },
        { protocol: 'UDP', port: 53, target: { endpoints: udp } },
      ],
    },
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

it('leaves annotations of others alone', () => {
  expect(ask(annotated('example.com/ip', 'x')).kind).toBe('wanted');
});
