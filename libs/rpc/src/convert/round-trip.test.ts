import * as pb from '#gen';
import { refusal, type LoadBalancer, type MachineState } from '@fairlead/model';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { received } from '../definitions.ts';
import * as arbitrary from '../testing/arbitraries.ts';
import * as convert from './index.ts';

/** Through the bytes of the wire and back. */
describe('what is sent is what arrives:', () => {
  const rounds = { numRuns: 60 };

  it('a load balancer', () => {
    fc.assert(
      fc.property(arbitrary.loadBalancer, (lb) => {
        const wire = received(pb.LoadBalancer, convert.loadBalancerToProto(lb));
        expect(convert.loadBalancerFromProto(wire)).toEqual(lb);
      }),
      rounds,
    );
  });

  it('a node, and the nodes of a cluster', () => {
    fc.assert(
      fc.property(arbitrary.node, arbitrary.nodeSet, (node, set) => {
        expect(convert.nodeFromProto(received(pb.Node, convert.nodeToProto(node)))).toEqual(node);
        expect(convert.nodeSetFromProto(received(pb.NodeSet, convert.nodeSetToProto(set)))).toEqual(set);
      }),
      rounds,
    );
  });

  it("a machine's config", () => {
    fc.assert(
      fc.property(arbitrary.machineConfig, (config) => {
        const wire = received(pb.MachineConfig, convert.machineConfigToProto(config));
        expect(convert.machineConfigFromProto(wire)).toEqual(config);
      }),
      rounds,
    );
  });

  it('a whole state, whatever the size of its chunks', () => {
    fc.assert(
      fc.property(
        arbitrary.version,
        arbitrary.machineState,
        fc.integer({ min: 1, max: 4_000 }),
        (version, state, size) => {
          const chunks = [...convert.fullStateToProto(version, state, size)];
          const wire = chunks.map((chunk) => received(pb.FullState, chunk));
          expect(convert.fullStateFromProto(wire)).toEqual({ version, state, refused: [] });
        },
      ),
      rounds,
    );
  });

  it('a delta', () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.version, arbitrary.machineStateDelta, (from, to, delta) => {
        const wire = received(pb.DeltaState, convert.deltaToProto({ from, to }, delta));
        expect(convert.deltaFromProto(wire)).toEqual({ from, to, delta, refused: [] });
      }),
      rounds,
    );
  });

  it('a report', () => {
    fc.assert(
      fc.property(arbitrary.machineReport, (report) => {
        expect(convert.reportFromProto(received(pb.SyncResponse, convert.reportToProto(report)))).toEqual(report);
      }),
      rounds,
    );
  });

  it('a refusal', () => {
    const wish = refusal('POOL_EXHAUSTED', 'spec.loadBalancerIP', 'the pool „default“ is full: enlarge it');
    expect(convert.refusalFromProto(received(pb.Refusal, convert.refusalToProto(wish)))).toEqual(wish);
  });
});

it('the same state gives the same bytes, in whatever order its maps and nodes were filled', () => {
  const bytesOf = (state: MachineState): Buffer[] =>
    [...convert.fullStateToProto({ epoch: 1, generation: 1 }, state, 300)].map((chunk) =>
      Buffer.from(pb.FullState.encode(chunk).finish()),
    );
  const shuffled = arbitrary.machineState.chain((state) =>
    fc
      .tuple(
        fc.shuffledSubarray([...state.loadBalancers], { minLength: state.loadBalancers.size }),
        fc.shuffledSubarray([...state.nodeSets], { minLength: state.nodeSets.size }),
      )
      .map(([loadBalancers, nodeSets]) => ({
        state,
        other: {
          ...state,
          loadBalancers: new Map(loadBalancers),
          nodeSets: new Map(nodeSets.map(([key, set]) => [key, { ...set, nodes: set.nodes.toReversed() }])),
        },
      })),
  );
  fc.assert(
    fc.property(shuffled, ({ state, other }) => {
      expect(bytesOf(other)).toEqual(bytesOf(state));
    }),
    { numRuns: 100 },
  );
});

it('labels and priorities make the same bytes in whatever order they were written', () => {
  const backwards = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).toReversed());
  const bytesOf = (lb: LoadBalancer): Uint8Array => pb.LoadBalancer.encode(convert.loadBalancerToProto(lb)).finish();
  fc.assert(
    fc.property(arbitrary.loadBalancer, arbitrary.machineConfig, (lb, config) => {
      expect(bytesOf({ ...lb, labels: backwards(lb.labels) })).toEqual(bytesOf(lb));
      const vrrpInstances = config.vrrpInstances.map((one) => ({ ...one, priorities: backwards(one.priorities) }));
      expect(pb.MachineConfig.encode(convert.machineConfigToProto({ ...config, vrrpInstances })).finish()).toEqual(
        pb.MachineConfig.encode(convert.machineConfigToProto(config)).finish(),
      );
    }),
    { numRuns: 60 },
  );
});
