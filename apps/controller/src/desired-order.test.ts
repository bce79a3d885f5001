import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ANNOTATIONS } from './annotations/annotations.ts';
import type { SliceEndpoint, SliceObject } from './cluster/objects.ts';
import { ask } from './testing/asking.ts';
import { HTTP, slice } from './testing/objects.ts';

/** All of them, in any order. */
function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
}

const values = Object.entries(ANNOTATIONS).flatMap(([key, { value }]) =>
  [...value.examples, value.refused[0]!].map((text) => [key, text] as const),
);
const annotations = fc.uniqueArray(fc.constantFrom(...values), { maxLength: 5, selector: ([key]) => key });
const ranges = fc.uniqueArray(fc.constantFrom('10.0.0.0/8', 'fd00::/8', '192.0.2.0/24', '10.0.0.1/8'), {
  maxLength: 3,
});
const endpoint: fc.Arbitrary<SliceEndpoint> = fc.record({
  pod: fc.constantFrom('p', 'q', 'r', 's'),
  node: fc.constantFrom('a', 'b', 'c'),
  addresses: fc.constantFrom(['10.200.0.1'], ['10.200.0.2'], ['fd10::1'], ['10.200.0.3', '10.200.0.4']),
  state: fc.constantFrom('ready', 'ending', 'closed'),
});
const slices: fc.Arbitrary<SliceObject[]> = fc.array(
  fc.array(endpoint, { maxLength: 4 }).map((endpoints) => ({ ...slice(), endpoints })),
  { maxLength: 3 },
);
const spec = fc.record({
  externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
  sessionAffinity: fc.constantFrom('None', 'ClientIP'),
  ipFamilies: fc.constantFrom(['IPv4'], ['IPv6'], ['IPv6', 'IPv4']),
});

it('the order in which anything is told makes no difference', () => {
  const told = fc.record({ annotations, ranges, slices, spec }).chain((one) =>
    fc.record({
      one: fc.constant(one),
      annotations: shuffled(one.annotations),
      ranges: shuffled(one.ranges),
      slices: shuffled(one.slices.map((each) => ({ ...each, endpoints: each.endpoints.toReversed() }))),
    }),
  );
  const kinds = new Set<string>();
  fc.assert(
    fc.property(told, ({ one, ...other }) => {
      const wish = (order: Pick<typeof one, 'annotations' | 'ranges' | 'slices'>) =>
        ask(
          {
            metadata: { annotations: Object.fromEntries(order.annotations) },
            spec: { ...one.spec, healthCheckNodePort: 31_000, ports: [HTTP], loadBalancerSourceRanges: order.ranges },
          },
          { slices: order.slices },
        );
      const first = wish(one);
      kinds.add(first.kind);
      const fields = (each: typeof first) =>
        each.kind === 'refused' ? each.refusals.map(({ reason }) => reason) : each;
      expect(fields(wish(other))).toEqual(fields(first));
    }),
    { numRuns: 200 },
  );
  expect([...kinds].sort()).toEqual(['refused', 'wanted']);
});
