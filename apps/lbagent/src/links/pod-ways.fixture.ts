import type { Address } from '@fairlead/model';
import { address } from '@fairlead/model';
import { programPath } from '../processes/namespace.fixture.ts';
import { runOrThrow } from '../processes/run.ts';
import { node, nodeSet, stateOf } from '../testing/example.ts';
import { openPodWays, removePodWays } from './pod-ways.ts';

const ip = (...args: string[]): Promise<string> => runOrThrow(['ip', ...args]);

/** What a machine with one link does about pod routes, step by step. */
export async function lifeOfPodWays(): Promise<unknown> {
  await ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far');
  await ip('addr', 'add', '10.8.0.100/24', 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  await ip('link', 'set', 'far', 'up');
  await ip('route', 'add', '10.200.9.0/24', 'via', '10.8.0.9');
  const ways = openPodWays(programPath('ip'));
  const routes = async (): Promise<string[]> =>
    (await ip('route', 'show'))
      .split('\n')
      .flatMap((line) => /^(10\.200\.\S+ via \S+)/.exec(line)?.[1] ?? [])
      .sort();
  const ensure = (nodes: readonly number[], needed: readonly Address[] = []): Promise<readonly string[]> => {
    const all = nodes.map((each) => node(`node-${each}`, { podCidrs: [`10.200.${each}.0/24`] }));
    return ways.ensure(stateOf([], nodeSet(all, { podRoutes: true })), () => needed);
  };
  const seen: Record<string, unknown> = {};
  seen['problems'] = await ensure([1, 2]);
  seen['added'] = await routes();
  await ip('route', 'del', '10.200.1.0/24');
  seen['repairs'] = [await ways.repair(), await ways.repair()];
  seen['repaired'] = await routes();
  await ensure([2], [address('10.200.1.7')]);
  seen['stillNeeded'] = await routes();
  await ensure([2]);
  seen['noLonger'] = await routes();
  // A life that begins anew finds what an earlier one left.
  const next = openPodWays(programPath('ip'));
  await next.ensure(stateOf([], nodeSet([])), () => []);
  seen['afterRestart'] = await routes();
  const far = node('node-3', { addresses: [address('10.77.0.1')], podCidrs: ['10.200.3.0/24'] });
  seen['notOnLink'] = await ways.ensure(stateOf([], nodeSet([far], { podRoutes: true })), () => []);
  await ensure([4]);
  await removePodWays(programPath('ip'));
  seen['withdrawn'] = await routes();
  return seen;
}
