import * as pb from '#gen';
import { expect, it } from 'vitest';
import { received } from '../definitions.ts';
import { detailOf, statusOf } from '../failure.ts';
import {
  deltaFromProto,
  loadBalancerFromProto,
  machineConfigFromProto,
  nodeFromProto,
  reportFromProto,
} from './index.ts';
import { refusalFromProto } from './refusal.ts';

const port = { port: 80, protocol: 1, nodePort: { nodePort: 30_000 }, check: { node: {} } };
const wellMade = { id: 'uid-1', cluster: 'prod', namespace: 'default', name: 'web', families: [1], ports: [port] };
const vrrp = { name: 'vi-1', virtualRouterId: 7, anchorAddress: '10.0.0.9', network: 'lan', advertIntervalMs: 1_000 };
const network = { network: 'lan', device: 'eth0', subnets: ['10.0.0.0/24'], gateways: ['10.0.0.1'] };
const config = { machine: 'lb-1', loadBalancerSet: 'main', members: [], vrrpInstances: [vrrp], networks: [network] };

function readLoadBalancer(change: pb.LoadBalancer.$Properties): () => unknown {
  return () => loadBalancerFromProto(received(pb.LoadBalancer, { ...wellMade, ...change }));
}

function readPort(change: pb.Port.$Properties): () => unknown {
  return readLoadBalancer({ ports: [{ ...port, ...change }] });
}

function readRanges(...sourceRanges: string[]): () => unknown {
  return readLoadBalancer({ sourceRanges });
}

function readNode(change: pb.Node.$Properties): () => unknown {
  return () => nodeFromProto(received(pb.Node, { name: 'node-1', ...change }));
}

function readConfig(change: pb.MachineConfig.$Properties): () => unknown {
  return () => machineConfigFromProto(received(pb.MachineConfig, { ...config, ...change }));
}

function readReport(change: pb.SyncResponse.$Properties): () => unknown {
  return () => reportFromProto(received(pb.SyncResponse, { clock: '2026-01-01T00:00:00Z', ...change }));
}

it('the examples are well made but for what each row changes', () => {
  for (const read of [readLoadBalancer({}), readPort({}), readNode({}), readConfig({}), readReport({})]) {
    expect(read).not.toThrow();
  }
});

const tooLong = Object.fromEntries(
  Array.from({ length: 60_000 }, (_, index) => [`key-number-${index}`, 'a-value-of-some-length']),
);

it.each<[what: string, field: string, read: () => unknown]>([
  ['no id', 'load_balancer.id', readLoadBalancer({ id: '' })],
  ['an id with a line break', 'load_balancer.id', readLoadBalancer({ id: 'uid\nlisten stats' })],
  ['an id that ends in a line break', 'load_balancer.id', readLoadBalancer({ id: 'uid\n' })],
  ['a name with a blank', 'load_balancer.name', readLoadBalancer({ name: 'a b' })],
  ['a name with NUL', 'load_balancer.name', readLoadBalancer({ name: 'a\0b' })],
  ['a name of 254 characters', 'load_balancer.name', readLoadBalancer({ name: 'x'.repeat(254) })],
  ['a cluster with a slash', 'load_balancer.cluster', readLoadBalancer({ cluster: 'a/b' })],
  ['a pool with a quote', 'load_balancer.pool', readLoadBalancer({ pool: 'a"b' })],
  ['no family', 'load_balancer.families', readLoadBalancer({ families: [] })],
  ['a family twice', 'load_balancer.families', readLoadBalancer({ families: [1, 1] })],
  ['an unknown family', 'load_balancer.families[0]', readLoadBalancer({ families: [9 as pb.AddressFamily] })],
  ['an octal address', 'load_balancer.wanted_addresses[0]', readLoadBalancer({ wantedAddresses: ['010.0.0.1'] })],
  [
    'two IPv4 addresses',
    'load_balancer.wanted_addresses',
    readLoadBalancer({ wantedAddresses: ['1.1.1.1', '1.1.1.2'] }),
  ],
  ['a label key that is none', 'load_balancer.labels', readLoadBalancer({ labels: { 'a b': 'c' } })],
  ['a label value with a line break', 'load_balancer.labels[a]', readLoadBalancer({ labels: { a: 'b\nc' } })],
  ['more than fits into a message', 'load_balancer', readLoadBalancer({ labels: tooLong })],
  ['a source range with host bits', 'load_balancer.source_ranges[1]', readRanges('10.0.0.0/8', '10.0.0.1/24')],
  ['a source range without a length', 'load_balancer.source_ranges[0]', readRanges('10.0.0.1')],
  ['a source range with leading zeros', 'load_balancer.source_ranges[0]', readRanges('010.0.0.0/8')],
  ['a source range with a line break', 'load_balancer.source_ranges[0]', readRanges('10.0.0.0/8\n')],
  ['a source range twice', 'load_balancer.source_ranges', readRanges('fd00::/8', 'FD00:0::/8')],
  ['an empty source range', 'load_balancer.source_ranges[0]', readRanges('')],
  ['a sharing key with a quote', 'load_balancer.sharing_key', readLoadBalancer({ sharingKey: 'a"b' })],
  ['a port twice', 'load_balancer.ports', readLoadBalancer({ ports: [port, port] })],
  ['port 0', 'load_balancer.ports[0].port', readPort({ port: 0 })],
  ['port 65536', 'load_balancer.ports[0].port', readPort({ port: 65_536 })],
  ['no protocol', 'load_balancer.ports[0].protocol', readPort({ protocol: 0 })],
  ['SCTP', 'load_balancer.ports[0].protocol', readPort({ protocol: 3 })],
  ['an unknown protocol', 'load_balancer.ports[0].protocol', readPort({ protocol: 17 as pb.Protocol })],
  ['no target', 'load_balancer.ports[0].target', readPort({ nodePort: null })],
  ['node port 0', 'load_balancer.ports[0].node_port.node_port', readPort({ nodePort: {} })],
  [
    'names without only_named_nodes',
    'load_balancer.ports[0].node_port.node_names',
    readPort({ nodePort: { nodePort: 1, nodeNames: ['a'] } }),
  ],
  ['no check', 'load_balancer.ports[0].check', readPort({ check: null })],
  ['an empty check', 'load_balancer.ports[0].check.kind', readPort({ check: {} })],
  [
    'a check path with a blank',
    'load_balancer.ports[0].check.http.path',
    readPort({ check: { http: { path: '/a b' } } }),
  ],
  [
    'a check path that is relative',
    'load_balancer.ports[0].check.http.path',
    readPort({ check: { http: { path: 'a' } } }),
  ],
  [
    'an endpoint without address',
    'load_balancer.ports[0].endpoints[0].address',
    readPort({ nodePort: null, endpoints: { endpoints: [{ name: 'a', port: 1 }] } }),
  ],
  [
    'a status that is none',
    'load_balancer.ports[0].check.http.expected_status',
    readPort({ check: { http: { path: '/', expectedStatus: 99 } } }),
  ],
  ['PROXY protocol 3', 'load_balancer.ports[0].proxy_protocol', readPort({ proxyProtocol: 3 })],
  ['affinity for no time', 'load_balancer.affinity.timeout_seconds', readLoadBalancer({ affinity: {} })],
  [
    'affinity for more than a day',
    'load_balancer.affinity.timeout_seconds',
    readLoadBalancer({ affinity: { timeoutSeconds: 86_401 } }),
  ],
  [
    'an algorithm to come',
    'load_balancer.options.algorithm',
    readLoadBalancer({ options: { algorithm: 99 as pb.Algorithm } }),
  ],
  [
    'a time-out of more than 24 days',
    'load_balancer.options.tunnel_timeout_ms',
    readLoadBalancer({ options: { tunnelTimeoutMs: 2_073_600_001 } }),
  ],
  [
    'a time-out of a moment',
    'load_balancer.options.client_timeout_ms',
    readLoadBalancer({ options: { clientTimeoutMs: 9 } }),
  ],
  [
    'half a pace of checks',
    'load_balancer.options.check_rise',
    readLoadBalancer({ options: { checkIntervalMs: 1_000 } }),
  ],
  [
    'too many connections',
    'load_balancer.options.max_connections',
    readLoadBalancer({ options: { maxConnections: 1_000_001 } }),
  ],
  ['a node without name', 'node.name', readNode({ name: '' })],
  ['an IPv4 address written as IPv6', 'node.addresses[0]', readNode({ addresses: ['::ffff:10.0.0.1'] })],
  ['a pod CIDR with host bits', 'node.pod_cidrs[0]', readNode({ podCidrs: ['10.0.0.1/24'] })],
  [
    'VRID 0',
    'config.vrrp_instances[0].virtual_router_id',
    readConfig({ vrrpInstances: [{ ...vrrp, virtualRouterId: 0 }] }),
  ],
  [
    'VRID 256',
    'config.vrrp_instances[0].virtual_router_id',
    readConfig({ vrrpInstances: [{ ...vrrp, virtualRouterId: 256 }] }),
  ],
  [
    'priority 255',
    'config.vrrp_instances[0].priorities[lb-1]',
    readConfig({ vrrpInstances: [{ ...vrrp, priorities: { 'lb-1': 255 } }] }),
  ],
  ['an instance twice', 'config.vrrp_instances', readConfig({ vrrpInstances: [vrrp, vrrp] })],
  ['a device with a slash', 'config.networks[0].device', readConfig({ networks: [{ ...network, device: '../eth0' }] })],
  ['a device with a blank', 'config.networks[0].device', readConfig({ networks: [{ ...network, device: 'eth0 up' }] })],
  [
    'a subnet that is none',
    'config.networks[0].subnets[0]',
    readConfig({ networks: [{ ...network, subnets: ['10.0.0.0'] }] }),
  ],
  ['a member without address', 'config.members[0].address', readConfig({ members: [{ name: 'lb-1' }] })],
  ['an unknown rejection', 'rejected', readReport({ rejected: 'MAYBE' })],
  ['a clock that is none', 'clock', readReport({ clock: 'noon' })],
  ['an instance name with a blank', 'owned_instances[0]', readReport({ ownedInstances: ['a b'] })],
  ['a refused load balancer without reason', 'refused[0].refusal', readReport({ refused: [{ id: 'uid-1' }] })],
  ['a reason that is prose', 'refusal.reason', () => refusalFromProto(received(pb.Refusal, { reason: 'because' }))],
  ['a delta without base', 'delta.from', () => deltaFromProto(received(pb.DeltaState, { to: { epoch: 1 } }))],
  [
    'a delta that removes what it adds',
    'delta',
    () =>
      deltaFromProto(
        received(pb.DeltaState, { from: {}, to: {}, upsert: [{ loadBalancer: wellMade }], remove: ['uid-1'] }),
      ),
  ],
])('%s is refused and called %s', (_what, field, read) => {
  let refused: unknown;
  try {
    read();
  } catch (error) {
    refused = error;
  }
  expect([statusOf(refused), detailOf(refused)?.field]).toEqual(['INVALID_ARGUMENT', field]);
  expect(detailOf(refused)?.message).toMatch(new RegExp(`^${field.replace(/[[\].]/g, '\\$&')}: `));
});

it('a number beyond 2^53 is refused, not rounded', () => {
  // Field 1, varint 2^53 + 2.
  const bytes = Buffer.from([0x08, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
  const applied = pb.Version.decode(bytes);
  const report = received(pb.SyncResponse, { clock: '2026-01-01T00:00:00Z' });
  report.applied = applied;
  expect(() => reportFromProto(report)).toThrow('applied.epoch');
});
