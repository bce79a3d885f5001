import { address } from '@fairlead/model';
import { expect, it } from 'vitest';
import { drainRules } from './drain-rules.ts';
import { node, nodePort, nodeSet, placed, stateOf } from '../testing/example.ts';
import { wantedOf } from '../wanted/wanted.ts';

const READ = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const SERVICES = wantedOf(
  stateOf(
    [
      placed('a', '10.9.0.150', [nodePort(80)], { drainTimeoutMs: 5_000 }),
      placed('b', '10.9.0.151', [nodePort(80)], { drainTimeoutMs: 60_001 }),
    ],
    nodeSet([node('node-1'), node('node-2', { draining: true })]),
  ),
  READ,
).services;

it('the longest that a Service asks for counts for what none is left to say it of', () => {
  expect(drainRules(SERVICES, 30).longestSeconds()).toBe(61);
  expect(drainRules(new Map(), 30).longestSeconds()).toBe(30);
});

it('where a Service is served connections may go on, but not where it only leaves', () => {
  const rules = drainRules(SERVICES, 30);
  const at = (host: string, port = 30_080) => rules.isServed({ address: address(host), port });
  expect([at('10.8.0.1'), at('10.8.0.2'), at('10.8.0.1', 30_081)]).toEqual([true, false, false]);
});
