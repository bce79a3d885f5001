import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { isNeeded, listedPodRoutes, podRoutesOf } from './pod-routes.ts';
import { node, nodeSet, stateOf } from '../testing/example.ts';

const routesOf = (...nodes: ReturnType<typeof node>[]) => {
  const { routes, problems } = podRoutesOf(stateOf([], nodeSet(nodes, { podRoutes: true })));
  return { routes: [...routes.values()].map(({ range, via }) => `${range} via ${via}`), problems };
};

it('leads to the pods of each node through the node, of its family', () => {
  const both = node('node-2', {
    addresses: [address('10.8.0.2'), address('fd08::2')],
    podCidrs: ['10.200.2.0/24', 'fd20:0:0:2::/64'],
  });
  expect(routesOf(both, node('node-1', { podCidrs: ['10.200.1.0/24', 'fd20:0:0:1::/64'] }))).toEqual({
    routes: ['10.200.1.0/24 via 10.8.0.1', '10.200.2.0/24 via 10.8.0.2', 'fd20:0:0:2::/64 via fd08::2'],
    problems: [],
  });
});

it('leads nowhere for clusters whose network does it', () => {
  const state = stateOf([], nodeSet([node('node-1', { podCidrs: ['10.200.1.0/24'] })]));
  expect(podRoutesOf(state).routes.size).toBe(0);
});

it('never takes traffic from the networks of the machine, nor from another node', () => {
  const { routes, problems } = routesOf(
    node('node-1', { podCidrs: ['10.9.0.0/25', '10.200.0.0/23'] }),
    node('node-2', { podCidrs: ['10.200.1.0/24'] }),
    node('node-3', { podCidrs: ['0.0.0.0/0'] }),
  );
  expect(routes).toEqual(['10.200.0.0/23 via 10.8.0.1']);
  expect(problems).toEqual([
    'pods of node prod/node-1: 10.9.0.0/25 overlaps a network of this machine',
    'pods of node prod/node-2: 10.200.1.0/24 overlaps the range of another node',
    'pods of node prod/node-3: 0.0.0.0/0 overlaps the range of another node',
  ]);
});

it('reads what the kernel lists', () => {
  const listed = [
    { dst: '10.200.1.0/24', gateway: '10.8.0.1' },
    { dst: '10.200.2.7', gateway: '10.8.0.2' },
    { dst: '10.200.3.0/24' },
  ];
  expect([...listedPodRoutes(listed).values()].map(({ range, via }) => `${range} via ${via}`)).toEqual([
    '10.200.1.0/24 via 10.8.0.1',
    '10.200.2.7/32 via 10.8.0.2',
  ]);
});

it('is needed as long as a server is there', () => {
  const route = { range: '10.200.1.0/24', via: address('10.8.0.1') };
  expect(isNeeded(route, [address('10.200.2.1'), address('10.200.1.200')])).toBe(true);
  expect(isNeeded(route, [address('10.200.2.1')])).toBe(false);
});
