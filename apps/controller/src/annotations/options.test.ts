import type { LoadBalancer } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { annotationField } from './annotations.ts';
import type { ServiceSpec } from '../cluster/objects.ts';
import { type Desired, desired } from '../desired.ts';
import { HTTP, service } from '../testing/objects.ts';

function ask(annotations: Readonly<Record<string, string>>, spec: Partial<ServiceSpec> = {}): Desired {
  const ours = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`fairlead.dev/${key}`, value]));
  const around = { cluster: 'prod', defaultClass: false, namespaceLabels: {}, slices: [] };
  return desired(service({ metadata: { annotations: ours }, spec }), around);
}

function wanted(annotations: Readonly<Record<string, string>>, spec: Partial<ServiceSpec> = {}): LoadBalancer {
  const wish = ask(annotations, spec);
  if (wish.kind !== 'wanted') throw new Error(JSON.stringify(wish));
  return wish.loadBalancer;
}

const DNS = { name: 'dns', protocol: 'UDP', port: 53, nodePort: 30_053 };
const HTTPS = { name: 'https', port: 443, nodePort: 30_443 };
const LOCAL = { externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 };

it.each<[Readonly<Record<string, string>>, LoadBalancer['options']]>([
  [{}, undefined],
  [{ algorithm: 'leastconn' }, { algorithm: 'leastconn' }],
  [{ 'load-distribution': 'SourceIP' }, { algorithm: 'source' }],
  [{ 'load-distribution': 'SourceIP', algorithm: 'source' }, { algorithm: 'source' }],
  [{ 'load-distribution': 'Default', algorithm: 'leastconn' }, { algorithm: 'leastconn' }],
  [{ 'load-distribution': 'Default' }, undefined],
  [
    { 'timeout-connect': '500ms', 'timeout-client': '1m', 'timeout-server': '2h', 'timeout-tunnel': '1d' },
    { connectTimeoutMs: 500, clientTimeoutMs: 60_000, serverTimeoutMs: 7_200_000, tunnelTimeoutMs: 86_400_000 },
  ],
  [{ 'max-connections': '100' }, { maxConnections: 100 }],
  [{ 'check-interval': '5s' }, { checkPace: { intervalMs: 5_000, rise: 1, fall: 2 } }],
  [{ 'check-rise': '3', 'check-fall': '4' }, { checkPace: { intervalMs: 1_000, rise: 3, fall: 4 } }],
])('%j means %j', (annotations, options) => {
  expect(wanted(annotations).options).toEqual(options);
});

it.each<[Readonly<Record<string, string>>, unknown]>([
  [{}, { kind: 'node' }],
  [{ check: 'node' }, { kind: 'node' }],
  [{ check: 'node-port' }, { kind: 'tcp' }],
  [{ 'check-fall': '3' }, { kind: 'tcp' }],
  [{ check: 'http:/ready?full=1' }, { kind: 'http', port: 0, path: '/ready?full=1' }],
  [
    { check: 'http:/', 'check-status': '204' },
    { kind: 'http', port: 0, path: '/', expectedStatus: 204 },
  ],
])('%j: every port is asked by %j', (annotations, check) => {
  const ports = wanted(annotations, { ports: [HTTP, HTTPS] }).ports;
  expect(ports.map((port) => port.check)).toEqual([check, check]);
});

it('tells the ports that are named, or all of them, of clients', () => {
  const told = (value: string): unknown =>
    wanted({ 'proxy-protocol': value }, { ports: [HTTP, HTTPS] }).ports.map((port) => port.proxyProtocol);
  expect([told('v1'), told('v2'), told('v2:443'), told('v1:80,443')]).toEqual([
    [1, 1],
    [2, 2],
    [undefined, 2],
    [1, 1],
  ]);
});

it('leaves UDP ports as they are: they are told of nobody, and have no check of their own', () => {
  const udp = { ...HTTP, name: 'dns', port: 53, protocol: 'UDP' };
  const { ports } = wanted({ 'proxy-protocol': 'v2:80', check: 'node-port' }, { ports: [HTTP, udp] });
  expect(ports.map(({ check, proxyProtocol }) => [check.kind, proxyProtocol])).toEqual([
    ['tcp', 2],
    ['node', undefined],
  ]);
});

it('asks nodes of policy Local as Kubernetes says, at the pace that the Service says', () => {
  const { ports, options } = wanted({ 'check-interval': '5s' }, LOCAL);
  expect(ports[0]!.check).toEqual({ kind: 'http', port: 32_000, path: '/healthz' });
  expect(options?.checkPace?.intervalMs).toBe(5_000);
});

describe('affinity', () => {
  it.each([
    [{}, 10_800],
    [{ affinityTimeoutSeconds: 1 }, 1],
    [{ affinityTimeoutSeconds: 86_400 }, 86_400],
  ])('of clients, %j, lasts %d seconds', (spec, timeoutSeconds) => {
    expect(wanted({}, { sessionAffinity: 'ClientIP', ...spec }).affinity).toEqual({ timeoutSeconds });
  });

  it('is for UDP ports too, alone and beside TCP', () => {
    const spec = { sessionAffinity: 'ClientIP', affinityTimeoutSeconds: 60 };
    for (const ports of [[DNS], [HTTP, DNS]])
      expect(wanted({}, { ...spec, ports }).affinity).toEqual({ timeoutSeconds: 60 });
  });

  it('of none is none', () => {
    expect(wanted({}, { sessionAffinity: 'None', affinityTimeoutSeconds: 60 })).not.toHaveProperty('affinity');
  });

  it.each([0, -1, 86_401])('for %d seconds is refused', (affinityTimeoutSeconds) => {
    const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
    expect(ask({}, { sessionAffinity: 'ClientIP', affinityTimeoutSeconds })).toMatchObject({ refusals: [{ field }] });
  });
});

it.each<[string, Readonly<Record<string, string>>, Partial<ServiceSpec>, string]>([
  ['a port it does not have', { 'proxy-protocol': 'v2:80,81' }, {}, 'proxy-protocol'],
  ['two ways of spreading', { 'load-distribution': 'SourceIP', algorithm: 'leastconn' }, {}, 'load-distribution'],
  ['a check of policy Local', { check: 'node-port' }, LOCAL, 'check'],
  ['a status without an HTTP check', { 'check-status': '200' }, {}, 'check-status'],
  ['a status of a check of ports', { check: 'node-port', 'check-status': '200' }, {}, 'check-status'],
  ['a pace of the check that all share', { check: 'node', 'check-rise': '2' }, {}, 'check-rise'],
])('refuses %s, naming the annotation', (_what, annotations, spec, key) => {
  const wish = ask(annotations, spec);
  expect(wish.kind === 'refused' && wish.refusals.map(({ field }) => field)).toEqual([
    annotationField(`fairlead.dev/${key}`),
  ]);
});

describe('beside UDP ports', () => {
  const refused = (annotations: Readonly<Record<string, string>>, spec: Partial<ServiceSpec>): readonly string[] => {
    const wish = ask(annotations, spec);
    return wish.kind === 'refused' ? wish.refusals.map(({ message }) => message) : [];
  };
  const UDP = { ports: [DNS] };
  const MIXED = { ports: [HTTP, DNS, { ...HTTP, name: 'dns-tcp', port: 53 }] };

  it.each<Readonly<Record<string, string>>>([
    { 'timeout-connect': '1s' },
    { 'timeout-client': '1s' },
    { 'timeout-server': '1s' },
    { 'timeout-tunnel': '1s' },
    { 'max-connections': '5' },
    { 'proxy-protocol': 'v2:80' },
    { check: 'node-port' },
    { check: 'http:/', 'check-status': '200' },
    { 'check-interval': '1s' },
    { 'check-rise': '2' },
    { 'check-fall': '2' },
    { algorithm: 'leastconn' },
    { algorithm: 'roundrobin' },
  ])('%j is taken for the TCP ports, and refused where there is none', (annotations) => {
    const { ports } = wanted(annotations, MIXED);
    expect(ports.find(({ protocol }) => protocol === 'UDP')).toEqual(wanted({}, MIXED).ports[1]);
    const messages = refused(annotations, UDP);
    expect(messages).toHaveLength(Object.keys(annotations).length);
    for (const message of messages) expect(message).toMatch(/is for TCP ports, of which this Service has none/);
  });

  it.each([{ algorithm: 'source' }, { algorithm: 'hash' }, { 'load-distribution': 'SourceIP' }])(
    '%j is for UDP too',
    (annotations) => {
      expect(wanted(annotations, UDP).options).toEqual(wanted(annotations).options);
    },
  );

  it('asks healthCheckNodePort at the pace that the Service says', () => {
    const { ports, options } = wanted({ 'check-fall': '5' }, { ...UDP, ...LOCAL });
    expect([ports[0]!.check.kind, options?.checkPace?.fall]).toEqual(['http', 5]);
  });

  it.each([
    ['v2', 'not served for UDP, which port 53 is; name the TCP ports that are to have it, as in v2:80,53'],
    ['v1:80,54', '54 is no TCP port of this Service'],
  ])('the PROXY protocol as %s is refused with what to write', (value, said) => {
    expect(refused({ 'proxy-protocol': value }, MIXED).join()).toContain(said);
  });

  it('the PROXY protocol is told to the TCP port of a number, and refused where the number is UDP alone', () => {
    expect(wanted({ 'proxy-protocol': 'v2:53' }, MIXED).ports.map((port) => port.proxyProtocol)).toEqual([
      undefined,
      undefined,
      2,
    ]);
    const messages = refused({ 'proxy-protocol': 'v2:80,53' }, { ports: [HTTP, DNS] });
    expect(messages.join()).toContain('port 53 is UDP, for which the PROXY protocol is not served');
  });
});
