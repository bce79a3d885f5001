import { expect, it } from 'vitest';
import { node, nodePort, nodeSet, placed, stateOf, THREE_NODES } from '../testing/example.ts';
import { createAwaitedReader } from './awaited.ts';
import { changesBetween } from './changes.ts';
import { createWantedReader } from './wanted.ts';

const OPTIONS = { families: ['ipv4'] as const, nodeChecks: new Map(), heldClusters: new Set<string>() };
const [A, B] = [placed('a', '10.9.0.150', [nodePort(80)]), placed('b', '10.9.0.151', [nodePort(81)])];
const NODES = nodeSet(THREE_NODES);
const NODE_2 = new Map([['10.9.0.150|80', new Set(['10.8.0.2:30080'])]]);

it('servers that have not answered are awaited, and everything else is as it was', () => {
  const wanted = createWantedReader()(stateOf([A, B], NODES), OPTIONS);
  const read = createAwaitedReader()(wanted, NODE_2);
  const stages = (key: string) => read.services.get(key)!.servers.map(({ label, stage }) => `${label} ${stage}`);
  expect(stages('10.9.0.150|80')).toEqual(['node-1 serving', 'node-2 awaited', 'node-3 serving']);
  expect(read.services.get('10.9.0.151|81')).toBe(wanted.services.get('10.9.0.151|81'));
});

it('one that leaves is not awaited', () => {
  const nodes = THREE_NODES.map((each) => (each.name === 'node-2' ? node('node-2', { draining: true }) : each));
  const wanted = createWantedReader()(stateOf([A], nodeSet(nodes)), OPTIONS);
  const read = createAwaitedReader()(wanted, NODE_2);
  expect(read.services.get('10.9.0.150|80')!.servers.map(({ stage }) => stage)).not.toContain('awaited');
});

it('tells from one reading to the next what may be different, and no more', () => {
  const readWanted = createWantedReader();
  const read = createAwaitedReader();
  const first = readWanted(stateOf([A], NODES), OPTIONS);
  const before = read(first, NODE_2);
  expect(read(first, NODE_2)).toBe(before);
  const answered = read(first, new Map());
  expect(answered).toBe(first);
  expect([...changesBetween(before, answered).keys]).toEqual(['10.9.0.150|80']);
  const next = readWanted(stateOf([A, B], NODES), OPTIONS);
  const awaitsB = new Map([['10.9.0.151|81', new Set(['10.8.0.1:30081'])]]);
  const after = read(next, awaitsB);
  expect([...changesBetween(answered, after).keys]).toEqual(['10.9.0.151|81']);
  const c = readWanted(stateOf([A, B, placed('c', '10.9.0.152', [nodePort(82)])], NODES), OPTIONS);
  const last = read(c, awaitsB);
  expect([...changesBetween(after, last).keys]).toEqual(['10.9.0.152|82']);
  expect(last.services.get('10.9.0.151|81')).toBe(after.services.get('10.9.0.151|81'));
});
