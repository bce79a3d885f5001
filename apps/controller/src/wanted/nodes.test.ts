import { expect, it } from 'vitest';
import type { NodeObject } from '../cluster/objects.ts';
import { describeNode, diffNodes } from './nodes.ts';
import { node } from '../testing/objects.ts';

it.each<[string, Partial<NodeObject>, boolean, boolean]>([
  ['an ordinary node', {}, true, false],
  [
    'a node that is NotReady or cordoned, which only health checks judge',
    { taints: ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unschedulable'] },
    true,
    false,
  ],
  ['a node that is being deleted', { deleting: true }, false, true],
  ['a node that the autoscaler takes away', { taints: ['ToBeDeletedByClusterAutoscaler'] }, false, true],
  ['a node in maintenance', { maintenance: '' }, false, true],
  ['a node in maintenance for a reason', { maintenance: 'new disk' }, false, true],
  ['a node out of maintenance', { maintenance: 'false' }, true, false],
  ['an excluded node', { excludeLabel: '' }, false, false],
  ['a node excluded by "true"', { excludeLabel: 'true' }, false, false],
  ['a node excluded by garbage', { excludeLabel: 'flase' }, false, false],
  ['a node not excluded by "false"', { excludeLabel: 'false' }, true, false],
  ['a node not excluded by "0"', { excludeLabel: '0' }, true, false],
  ['a node without an address', { internalIps: [] }, false, false],
  ['a node with an address that is none', { internalIps: ['010.0.0.1'] }, false, false],
])('judges %s', (_name, parts, eligible, draining) => {
  expect(describeNode(node(parts))).toMatchObject({ eligible, draining });
});

it('takes the first InternalIP of each family, in canonical form', () => {
  const { addresses } = describeNode(node({ internalIps: ['10.1.0.1', '10.1.0.2', 'FD00:0::1', 'fd00::2'] }));
  expect(addresses).toEqual(['10.1.0.1', 'fd00::1']);
});

it('passes on pod ranges that are ranges', () => {
  expect(describeNode(node({ podCidrs: ['10.200.1.0/24', '10.200.1.1/24', 'x'] })).podCidrs).toEqual(['10.200.1.0/24']);
});

it('says only what changed', () => {
  const named = (...parts: Partial<NodeObject>[]): Map<string, ReturnType<typeof describeNode>> =>
    new Map(parts.map((part) => [part.name!, describeNode(node(part))]));
  const before = named({ name: 'a' }, { name: 'b' }, { name: 'c' });
  const after = named({ name: 'a' }, { name: 'b', deleting: true }, { name: 'd' });
  expect(diffNodes(before, after)).toEqual({
    full: false,
    upsert: [expect.objectContaining({ name: 'b', draining: true }), expect.objectContaining({ name: 'd' })],
    remove: ['c'],
  });
  expect(diffNodes(after, after)).toBeUndefined();
});
