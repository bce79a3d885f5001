import { address, type Endpoint, type Node } from '@fairlead/model';
import { expect, it } from 'vitest';
import { chooseEndpoints, chooseNodes } from './choose-backends.ts';
import { node, nodeSet } from '../testing/example.ts';

const ALL = { kind: 'node-port', nodePort: 30_080, nodes: 'all' } as const;
const SIX = Array.from({ length: 6 }, (_, index) => node(`node-${index + 1}`));

function chosen(nodes: readonly Node[], maxBackends = 16): string[] {
  return chooseNodes(nodeSet(nodes, { maxBackends }), ALL, 'a').map(({ node: { name }, stage }) => `${name} ${stage}`);
}

it('of more nodes than may serve, one that leaves keeps connections only where it would have been chosen', () => {
  const serving = chosen(SIX, 2).map((text) => text.split(' ')[0]!);
  expect(serving).toHaveLength(2);
  for (const { name } of SIX) {
    const others = SIX.map((each) => (each.name === name ? { ...each, eligible: false, draining: true } : each));
    const leaving = chosen(others, 2).filter((text) => text.endsWith('leaving'));
    expect(leaving).toEqual(serving.includes(name) ? [`${name} leaving`] : []);
  }
});

it('a node that leaves moves only its own share to the others', () => {
  const before = chosen(SIX, 3);
  const gone = before[0]!.split(' ')[0];
  const after = chosen(
    SIX.filter(({ name }) => name !== gone),
    3,
  );
  expect(after).toEqual(expect.arrayContaining(before.slice(1)));
  expect(after).toHaveLength(3);
});

it('an excluded node whose pods end keeps nothing, one that leaves keeps its connections', () => {
  const nodes = [
    node('serves'),
    node('ends'),
    node('excluded', { eligible: false }),
    node('leaves', { eligible: false, draining: true }),
  ];
  const target = {
    ...ALL,
    nodes: ['serves'],
    drainingNodes: ['ends', 'excluded', 'leaves', 'unheard-of'],
  };
  expect(chooseNodes(nodeSet(nodes), target, 'a').map(({ node: { name }, stage }) => `${name} ${stage}`)).toEqual([
    'serves serving',
    'ends draining',
    'leaves leaving',
  ]);
});

it('nodes that stay are preferred to those that leave, even when all of them are excluded', () => {
  const nodes = [node('stays', { eligible: false }), node('leaves', { eligible: false, draining: true })];
  expect(chosen(nodes)).toEqual(['stays serving', 'leaves leaving']);
});

it('an endpoint that ends keeps nothing where its node is excluded', () => {
  const of = (name: string, change: Partial<Endpoint>): Endpoint => {
    return { name, address: address('10.200.0.1'), port: 8080, draining: true, ...change };
  };
  const set = nodeSet([node('excluded', { eligible: false }), node('serves')]);
  const endpoints = [of('a', { draining: false }), of('b', { node: 'excluded' }), of('c', { node: 'serves' })];
  const kept = chooseEndpoints(endpoints, set).map(({ endpoint: { name }, stage }) => `${name} ${stage}`);
  expect(kept).toEqual(['a serving', 'c draining']);
});

it('an endpoint in no known node is as good as any', () => {
  const endpoint = (name: string, change: Partial<Endpoint> = {}): Endpoint => {
    return { name, address: address('10.200.0.1'), port: 8080, draining: false, ...change };
  };
  const endpoints = [endpoint('a'), endpoint('b', { node: 'unheard-of' }), endpoint('c', { draining: true })];
  const expected = ['a serving', 'b serving', 'c draining'];
  for (const set of [undefined, nodeSet([])]) {
    expect(chooseEndpoints(endpoints, set).map(({ endpoint: { name }, stage }) => `${name} ${stage}`)).toEqual(
      expected,
    );
  }
});
