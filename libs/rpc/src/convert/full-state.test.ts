import * as pb from '#gen';
import { address, type LoadBalancer, type MachineState, type Node } from '@fairlead/model';
import { describe, expect, it } from 'vitest';
import { received } from '../definitions.ts';
import { detailOf, statusOf } from '../failure.ts';
import { CHUNK_BYTES, createFullStateAssembler, fullStateFromProto, fullStateToProto } from './full-state.ts';

const version = { epoch: 3, generation: 14 };

function loadBalancer(index: number): LoadBalancer {
  const target = { kind: 'node-port', nodePort: 30_000, nodes: 'all' } as const;
  return {
    id: `lb-${String(index).padStart(5, '0')}`,
    cluster: 'prod',
    namespace: 'default',
    name: `web-${index}`,
    wantedAddresses: [],
    families: ['ipv4'],
    ports: [{ name: 'http', protocol: 'TCP', port: 80, target, check: { kind: 'node' } }],
    labels: { app: 'web' },
    namespaceLabels: {},
  };
}

function node(index: number): Node {
  const addresses = [address(`10.0.${Math.floor(index / 250)}.${(index % 250) + 1}`)];
  return { name: `node-${String(index).padStart(4, '0')}`, addresses, eligible: true, draining: false, podCidrs: [] };
}

function state(loadBalancers: number, nodes: number): MachineState {
  const vip = { address: address('192.0.2.10'), network: 'lan', vrrpInstance: 'vi-1' };
  const count = (length: number): number[] => Array.from({ length }, (_, index) => index);
  const set = {
    cluster: 'prod',
    nodes: count(nodes).map(node),
    maxBackends: 16,
    check: 'auto',
    podRoutes: false,
  } as const;
  const placed = count(loadBalancers).map((index) => ({ loadBalancer: loadBalancer(index), addresses: [vip] }));
  return {
    config: { machine: 'lb-1', loadBalancerSet: 'main', members: [], vrrpInstances: [], networks: [] },
    nodeSets: new Map([['prod', set]]),
    loadBalancers: new Map(placed.map((one) => [one.loadBalancer.id, one])),
  };
}

function chunksOf(whole: MachineState, size = 2_000): pb.FullState[] {
  return [...fullStateToProto(version, whole, size)].map((chunk) => received(pb.FullState, chunk));
}

function refusedField(read: () => unknown): string | undefined {
  try {
    read();
  } catch (error) {
    return statusOf(error) === 'INVALID_ARGUMENT' ? detailOf(error)?.field : 'not INVALID_ARGUMENT';
  }
  return 'accepted';
}

describe('a full state in chunks', () => {
  it('of 5,000 load balancers and 2,000 nodes is sent in chunks below 1 MiB', () => {
    const whole = state(5_000, 2_000);
    const chunks = [...fullStateToProto(version, whole)];
    const sizes = chunks.map((chunk) => pb.FullState.encode(chunk).len);
    expect(Math.max(...sizes)).toBeLessThan(CHUNK_BYTES * 1.05);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.map(({ last }) => last)).toEqual(chunks.map((_, index) => index === chunks.length - 1));
    expect(fullStateFromProto(chunks.map((chunk) => received(pb.FullState, chunk))).state).toEqual(whole);
  });

  it('is one chunk when it is empty', () => {
    const empty = { ...state(0, 0), nodeSets: new Map() };
    const chunks = chunksOf(empty);
    expect(chunks).toHaveLength(1);
    expect(fullStateFromProto(chunks).state).toEqual(empty);
  });

  it('is nothing before the last chunk is there', () => {
    const chunks = chunksOf(state(20, 3));
    const assembler = createFullStateAssembler();
    for (const chunk of chunks.slice(0, -1)) expect(assembler.add(chunk)).toBeUndefined();
    expect(assembler.add(chunks.at(-1)!)?.state.loadBalancers.size).toBe(20);
    expect(refusedField(() => fullStateFromProto(chunks.slice(0, -1)))).toBe('full.last');
  });

  it('is refused when its chunks are of two versions, and can be sent again then', () => {
    const chunks = chunksOf(state(20, 3));
    const assembler = createFullStateAssembler();
    assembler.add(chunks[0]!);
    const [, other] = [...fullStateToProto({ epoch: 3, generation: 15 }, state(20, 3), 2_000)];
    expect(refusedField(() => assembler.add(received(pb.FullState, other!)))).toBe('full.version');
    expect(chunks.map((chunk) => assembler.add(chunk)).at(-1)?.version).toEqual(version);
  });

  it('is refused when its first chunk is missing', () => {
    expect(refusedField(() => fullStateFromProto(chunksOf(state(20, 3)).slice(1)))).toBe('full.config');
  });

  it('is refused when it says a load balancer or a node twice', () => {
    const [first, second] = chunksOf(state(20, 3), 1_000);
    second!.last = false;
    const third = received(pb.FullState, second!);
    third.last = true;
    expect(refusedField(() => fullStateFromProto([first!, second!, third]))).toBe('full.load_balancers');
    const nodes = received(pb.NodeSet, { cluster: 'prod', nodes: [{ name: 'a' }], maxBackends: 1, check: 1 });
    const config = { machine: 'lb-1', loadBalancerSet: 'main' };
    const twice = received(pb.FullState, { version, config, nodeSets: [nodes, nodes], last: true });
    expect(refusedField(() => fullStateFromProto([twice]))).toBe('full.node_sets[1].nodes');
  });

  it('leaves out a load balancer that cannot be read, names it, and keeps all others', () => {
    const [chunk] = chunksOf(state(3, 1), 1e6);
    chunk!.loadBalancers[1]!.loadBalancer!.ports[0]!.port = 70_000;
    const read = fullStateFromProto([chunk!]);
    expect([...read.state.loadBalancers.keys()]).toEqual(['lb-00000', 'lb-00002']);
    expect(read.refused).toEqual([
      {
        id: 'lb-00001',
        refusal: {
          reason: 'NOT_READABLE',
          field: 'full.load_balancers[1].load_balancer.ports[0].port',
          message: expect.stringContaining('is 70000: must be a whole number from 1 to 65535') as string,
        },
      },
    ]);
  });
});
