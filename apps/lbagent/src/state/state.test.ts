import { type MachineStateDelta, refusal } from '@fairlead/model';
import { expect, it } from 'vitest';
import { acceptDelta, acceptFull, type Held } from './state.ts';
import { CLUSTER, node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';

const A = placed('a', '10.9.0.150', [nodePort(80)]);
const B = placed('b', '10.9.0.151', [nodePort(80)]);
const NOTHING: MachineStateDelta = { nodeSets: [], upsert: [], remove: [] };
const version = (epoch: number, generation: number) => ({ epoch, generation });

function holding(epoch: number, generation: number): Held {
  return { version: version(epoch, generation), state: stateOf([A]), unreadable: new Map() };
}

function held(acceptance: ReturnType<typeof acceptFull>): Held {
  if ('rejected' in acceptance) throw new Error(acceptance.rejected);
  return acceptance.held;
}

it.each([
  [undefined, version(1, 1), 'taken'],
  [holding(3, 7), version(3, 8), 'taken'],
  [holding(3, 7), version(3, 7), 'taken'],
  [holding(3, 7), version(4, 1), 'taken'],
  [holding(3, 7), version(3, 6), 'OLDER_VERSION'],
  [holding(3, 7), version(2, 99), 'OLDER_VERSION'],
])('whoever holds %j and is sent the whole of %j: %s', (before, next, outcome) => {
  const acceptance = acceptFull(before, { version: next, state: stateOf([B]), refused: [] });
  expect('rejected' in acceptance ? acceptance.rejected : 'taken').toBe(outcome);
});

it.each([
  [undefined, version(1, 1), version(1, 2), 'WRONG_BASE'],
  [holding(3, 7), version(3, 7), version(3, 8), 'taken'],
  [holding(3, 7), version(3, 6), version(3, 8), 'WRONG_BASE'],
  [holding(3, 7), version(3, 7), version(4, 1), 'taken'],
  [holding(3, 7), version(3, 6), version(3, 7), 'taken'],
  [holding(3, 7), version(3, 5), version(3, 6), 'OLDER_VERSION'],
  [holding(3, 7), version(2, 7), version(2, 8), 'OLDER_VERSION'],
])('whoever holds %j and is sent the change from %j to %j: %s', (before, from, to, outcome) => {
  const acceptance = acceptDelta(before, { from, to, delta: NOTHING, refused: [] });
  expect('rejected' in acceptance ? acceptance.rejected : 'taken').toBe(outcome);
});

it('a change that was taken already changes nothing the second time', () => {
  const before = holding(3, 7);
  const delta = { ...NOTHING, remove: ['a'] };
  expect(held(acceptDelta(before, { from: version(3, 6), to: version(3, 7), delta, refused: [] }))).toBe(before);
});

it('a change touches what it names and nothing else', () => {
  const before = holding(1, 1);
  const delta: MachineStateDelta = {
    nodeSets: [
      { cluster: CLUSTER, removed: false, upsert: [node('node-9')], remove: ['node-1'] },
      {
        cluster: 'other',
        removed: false,
        upsert: [node('x-1')],
        remove: [],
        settings: { maxBackends: 3, check: 'healthz', podRoutes: true },
      },
    ],
    upsert: [B],
    remove: ['a'],
  };
  const after = held(acceptDelta(before, { from: version(1, 1), to: version(1, 2), delta, refused: [] }));
  expect([...after.state.loadBalancers.keys()]).toEqual(['b']);
  expect(after.state.nodeSets.get(CLUSTER)).toEqual(nodeSet([...THREE_NODES.slice(1), node('node-9')]));
  expect(after.state.nodeSets.get('other')).toMatchObject({ maxBackends: 3, check: 'healthz', podRoutes: true });
  expect(after.state.config).toBe(before.state.config);
  expect([...before.state.loadBalancers.keys()]).toEqual(['a']);
  const gone: MachineStateDelta = {
    ...NOTHING,
    nodeSets: [{ cluster: 'other', removed: true, upsert: [], remove: [] }],
  };
  const last = held(acceptDelta(after, { from: version(1, 2), to: version(1, 3), delta: gone, refused: [] }));
  expect([...last.state.nodeSets.keys()]).toEqual([CLUSTER]);
});

it('a load balancer that cannot be read is no longer served as it was, and is refused until it can be read', () => {
  const why = refusal('NOT_READABLE', 'port', 'port is 0');
  const broken = { from: version(1, 1), to: version(1, 2), delta: NOTHING, refused: [{ id: 'a', refusal: why }] };
  const after = held(acceptDelta(holding(1, 1), broken));
  expect(after.state.loadBalancers.size).toBe(0);
  expect([...after.unreadable]).toEqual([['a', why]]);
  const mended = { from: version(1, 2), to: version(1, 3), delta: { ...NOTHING, upsert: [A] }, refused: [] };
  const again = held(acceptDelta(after, mended));
  expect([again.unreadable.size, again.state.loadBalancers.size]).toEqual([0, 1]);
});
