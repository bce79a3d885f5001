import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inNamespaces } from '../processes/namespace.fixture.ts';

it('the ways to pods come and go with their nodes, and nobody else loses a route', async () => {
  const seen = await inNamespaces(join(import.meta.dirname, 'pod-ways.fixture.ts'), 'lifeOfPodWays');
  const other = '10.200.9.0/24 via 10.8.0.9';
  const both = ['10.200.1.0/24 via 10.8.0.1', '10.200.2.0/24 via 10.8.0.2', other];
  expect(seen).toEqual({
    problems: [],
    added: both,
    repairs: [['1 routes to pods were missing'], []],
    repaired: both,
    stillNeeded: both,
    noLonger: both.slice(1),
    afterRestart: [other],
    notOnLink: [expect.stringMatching(/^there is no way to pods 10\.200\.3\.0\/24 by their node 10\.77\.0\.1: /)],
    withdrawn: [other],
  });
});
