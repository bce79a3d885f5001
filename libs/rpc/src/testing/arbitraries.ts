import {
  addressFromBigInt,
  addressToBigInt,
  type Address,
  ALGORITHMS,
  type LoadBalancer,
  type MachineConfig,
  type MachineReport,
} from '@fairlead/model';
import type {
  MachineState,
  MachineStateDelta,
  Node,
  NodeSet,
  NodeSetDelta,
  PlacedLoadBalancer,
  Port,
  Version,
} from '@fairlead/model';
import * as fc from 'fast-check';

/** Anything the model may hold, as the wire may carry it. */

const ipv4 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => addressFromBigInt(value, 'ipv4'));
// Not below 2^64, where the IPv4-mapped addresses are, which the model does not have.
const ipv6 = fc.bigInt({ min: 2n ** 64n, max: 2n ** 128n - 1n }).map((value) => addressFromBigInt(value, 'ipv6'));
const address = fc.oneof(ipv4, ipv6);
const oneOfEachFamily: fc.Arbitrary<Address[]> = fc
  .tuple(fc.option(ipv4), fc.option(ipv6))
  .map((both) => both.filter((one) => one !== null));
const cidr = fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([base, length]) => {
  const number = base.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  const size = 2n ** BigInt(32 - length);
  return `${addressFromBigInt(number - (number % size), 'ipv4')}/${length}`;
});

const cidr6 = fc.tuple(ipv6, fc.integer({ min: 1, max: 64 })).map(([base, length]) => {
  const size = 2n ** BigInt(128 - length);
  const value = addressToBigInt(base);
  return `${addressFromBigInt(value - (value % size), 'ipv6')}/${length}`;
});

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
const optionalName = fc.oneof(fc.constant(''), name);
const id = fc.oneof(
  fc.uuid(),
  name.map((text) => `static/${text}`),
  name.map((text) => `control-plane/${text}`),
);
const portNumber = fc.integer({ min: 1, max: 65_535 });
const uint32 = fc.nat({ max: 2 ** 32 - 1 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const prose = fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => text.replace(/[\p{Cc}\u2028\u2029]/gu, ''));
const labelValue = fc.oneof(fc.constant(''), fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?$/));
const labels = fc.dictionary(
  fc.oneof(
    name,
    name.map((text) => `example.com/${text}`),
  ),
  labelValue,
  { maxKeys: 3, noNullPrototype: true },
);
const names = fc.uniqueArray(name, { maxLength: 4 });

const nodePortTarget = { kind: fc.constant('node-port' as const), nodePort: portNumber };
const endpoint = fc.record(
  { name, address, port: portNumber, draining: fc.boolean(), node: name },
  { requiredKeys: ['name', 'address', 'port', 'draining'] },
);
const target: fc.Arbitrary<Port['target']> = fc.oneof(
  fc.record({ ...nodePortTarget, nodes: fc.constant('all' as const) }),
  fc.record(
    {
      ...nodePortTarget,
      nodes: names,
      drainingNodes: fc.uniqueArray(
        name.map((text) => `${text}-leaving`),
        { minLength: 1, maxLength: 2 },
      ),
      lastResort: fc.constant(true as const),
    },
    { requiredKeys: ['kind', 'nodePort', 'nodes'] },
  ),
  fc.record({
    kind: fc.constant('endpoints' as const),
    endpoints: fc.uniqueArray(endpoint, { maxLength: 3, selector: (each) => each.name }),
  }),
);
const check: fc.Arbitrary<Port['check']> = fc.oneof(
  fc.constant({ kind: 'node' as const }),
  fc.constant({ kind: 'tcp' as const }),
  fc.record(
    {
      kind: fc.constant('http' as const),
      port: fc.nat({ max: 65_535 }),
      path: fc.webPath({ size: 'small' }).map((path) => `/${path.replace(/[^A-Za-z0-9/]/g, '')}`),
      expectedStatus: fc.integer({ min: 100, max: 599 }),
    },
    { requiredKeys: ['kind', 'port', 'path'] },
  ),
);
const port = fc.record(
  {
    name: optionalName,
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
    port: portNumber,
    target,
    check,
    proxyProtocol: fc.constantFrom(1 as const, 2 as const),
  },
  { requiredKeys: ['name', 'protocol', 'port', 'target', 'check'] },
);

const timeoutMs = fc.integer({ min: 10, max: 24 * 86_400_000 });
const options = fc
  .record(
    {
      algorithm: fc.constantFrom(...ALGORITHMS),
      connectTimeoutMs: timeoutMs,
      clientTimeoutMs: timeoutMs,
      serverTimeoutMs: timeoutMs,
      tunnelTimeoutMs: timeoutMs,
      maxConnections: fc.integer({ min: 1, max: 1_000_000 }),
      checkPace: fc.record({
        intervalMs: fc.integer({ min: 100, max: 3_600_000 }),
        rise: fc.integer({ min: 1, max: 100 }),
        fall: fc.integer({ min: 1, max: 100 }),
      }),
    },
    { requiredKeys: [] },
  )
  .filter((some) => Object.keys(some).length > 0);

export const loadBalancer: fc.Arbitrary<LoadBalancer> = fc.record(
  {
    id,
    cluster: optionalName,
    namespace: optionalName,
    name,
    wantedAddresses: oneOfEachFamily,
    pool: name,
    families: fc.constantFrom(['ipv4' as const], ['ipv6' as const], ['ipv6' as const, 'ipv4' as const]),
    ports: fc.uniqueArray(port, { maxLength: 3, selector: ({ port, protocol }) => `${port}/${protocol}` }),
    labels,
    namespaceLabels: labels,
    expectsAnswer: fc.constant(true as const),
    sourceRanges: fc.uniqueArray(fc.oneof(cidr, cidr6), { minLength: 1, maxLength: 4 }),
    sharingKey: name,
    backendMode: fc.constant('pod' as const),
    drainTimeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
    familiesOptional: fc.constant(true as const),
    affinity: fc.record({ timeoutSeconds: fc.integer({ min: 1, max: 86_400 }) }),
    options,
  },
  {
    requiredKeys: [
      'id',
      'cluster',
      'namespace',
      'name',
      'wantedAddresses',
      'families',
      'ports',
      'labels',
      'namespaceLabels',
    ],
  },
);

export const node: fc.Arbitrary<Node> = fc.record({
  name,
  addresses: oneOfEachFamily,
  eligible: fc.boolean(),
  draining: fc.boolean(),
  podCidrs: fc.array(cidr, { maxLength: 2 }),
});

const checkKind = fc.constantFrom('auto' as const, 'healthz' as const, 'node-port' as const);
const maxBackends = fc.integer({ min: 1, max: 10_000 });
const nodes = (maxLength: number): fc.Arbitrary<Node[]> =>
  fc
    .uniqueArray(node, { maxLength, selector: ({ name }) => name })
    .map((list) => list.sort((a, b) => (a.name < b.name ? -1 : 1)));

export const nodeSet: fc.Arbitrary<NodeSet> = fc.record({
  cluster: name,
  nodes: nodes(6),
  maxBackends,
  check: checkKind,
  podRoutes: fc.boolean(),
});

const nodeSetDelta: fc.Arbitrary<NodeSetDelta> = fc.record(
  {
    cluster: name,
    removed: fc.boolean(),
    upsert: nodes(3),
    remove: fc.uniqueArray(
      name.map((text) => `${text}-gone`),
      { maxLength: 2 },
    ),
    settings: fc.record({ maxBackends, check: checkKind, podRoutes: fc.boolean() }),
  },
  { requiredKeys: ['cluster', 'removed', 'upsert', 'remove'] },
);

const placed: fc.Arbitrary<PlacedLoadBalancer> = fc.record({
  loadBalancer,
  addresses: oneOfEachFamily.chain((list) =>
    fc.tuple(...list.map((one) => fc.record({ address: fc.constant(one), network: name, vrrpInstance: optionalName }))),
  ),
});
const placedList = fc.uniqueArray(placed, { maxLength: 5, selector: ({ loadBalancer }) => loadBalancer.id });

export const machineConfig: fc.Arbitrary<MachineConfig> = fc.record({
  machine: name,
  loadBalancerSet: name,
  members: fc.uniqueArray(fc.record({ name, address }), { maxLength: 3, selector: (member) => member.name }),
  vrrpInstances: fc.uniqueArray(
    fc.record({
      name,
      virtualRouterId: fc.integer({ min: 1, max: 255 }),
      anchorAddress: address,
      network: name,
      advertIntervalMs: fc.integer({ min: 10, max: 40_950 }),
      priorities: fc.dictionary(name, fc.integer({ min: 1, max: 254 }), { maxKeys: 3, noNullPrototype: true }),
    }),
    { maxLength: 2, selector: (instance) => instance.name },
  ),
  networks: fc.uniqueArray(
    fc.record({
      network: name,
      device: fc.stringMatching(/^[a-z][a-z0-9.-]{0,14}$/),
      subnets: fc.array(cidr, { maxLength: 2 }),
      gateways: fc.array(address, { maxLength: 2 }),
      announce: fc.boolean(),
    }),
    { maxLength: 2, selector: (network) => network.network },
  ),
});

export const version: fc.Arbitrary<Version> = fc.record({ epoch: count, generation: count });

export const machineState: fc.Arbitrary<MachineState> = fc.record({
  config: machineConfig,
  nodeSets: fc
    .uniqueArray(nodeSet, { maxLength: 3, selector: ({ cluster }) => cluster })
    .map((sets) => new Map(sets.map((set) => [set.cluster, set]))),
  loadBalancers: placedList.map((list) => new Map(list.map((one) => [one.loadBalancer.id, one]))),
});

export const machineStateDelta: fc.Arbitrary<MachineStateDelta> = fc.record(
  {
    config: machineConfig,
    nodeSets: fc.uniqueArray(nodeSetDelta, { maxLength: 3, selector: ({ cluster }) => cluster }),
    upsert: placedList,
    remove: fc.uniqueArray(
      name.map((text) => `gone/${text}`),
      { maxLength: 3 },
    ),
  },
  { requiredKeys: ['nodeSets', 'upsert', 'remove'] },
);

const reason = fc.stringMatching(/^[A-Z][A-Z_]{0,10}$/);

export const machineReport: fc.Arbitrary<MachineReport> = fc.record(
  {
    applied: version,
    rejected: fc.constantFrom('OLDER_VERSION' as const, 'WRONG_BASE' as const),
    refused: fc.array(fc.record({ id, reason, field: prose, message: prose }), { maxLength: 3 }),
    ownedInstances: names,
    driftRepaired: count,
    haproxyReloads: count,
    capabilities: fc.record({
      agentVersion: prose,
      haproxyVersion: prose,
      keepalivedVersion: prose,
      kernelVersion: prose,
    }),
    down: fc.array(fc.record({ loadBalancerId: id, port: portNumber, backend: name }), { maxLength: 3 }),
    unanswered: fc.array(id, { maxLength: 3 }),
    draining: fc.array(
      fc.record({ loadBalancerId: id, port: portNumber, backend: name, connections: uint32, seconds: uint32 }),
      { maxLength: 3 },
    ),
    findings: fc.array(prose, { maxLength: 3 }),
    clock: fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') })
      .map((date) => date.toISOString()),
    applyMicros: count,
    traceparent: fc.constantFrom('', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
  },
  {
    requiredKeys: [
      'applied',
      'refused',
      'ownedInstances',
      'driftRepaired',
      'haproxyReloads',
      'capabilities',
      'down',
      'unanswered',
      'draining',
      'findings',
      'clock',
      'applyMicros',
      'traceparent',
    ],
  },
);
