import { expect, it } from 'vitest';
import { judge } from './judge.ts';
import { type Figure, inTurns } from './scenario.ts';

const FIGURE: Figure = {
  name: 'first byte',
  unit: 'ms',
  turns: [
    [1, 2, 30],
    [2, 4, 60],
  ],
  baseline: {
    name: 'reload',
    turns: [
      [10, 20, 60],
      [10, 20, 60],
    ],
  },
};

it('a figure is summed up over all turns, its ratio is taken turn by turn', () => {
  const judged = judge(FIGURE);
  expect(judged.measured).toMatchObject({ count: 6, min: 1, p50: 2, max: 60 });
  expect(judged.baseline).toMatchObject({ name: 'reload', measured: { p50: 20 } });
  expect(judged.ratio).toMatchObject({ of: 'p50', measured: { min: 0.1, max: 0.2 } });
  expect(judge({ ...FIGURE, compared: 'p99' }).ratio?.measured).toMatchObject({ min: 0.5, max: 1 });
});

it.each([
  [{ of: 'p50', atMost: 2 } as const, { value: 2, met: true }],
  [{ of: 'p99', atMost: 50 } as const, { value: 60, met: false }],
  [{ of: 'max', atLeast: 61 } as const, { value: 60, met: false }],
  [{ of: 'ratio', atMost: 1 / 5 } as const, { value: 0.1, met: true }],
])('goal %j is judged %j', (goal, judged) => {
  expect(judge({ ...FIGURE, goals: [goal] }).goals).toEqual([{ ...goal, ...judged }]);
});

it('what was not measured, or not in turns, is no figure', () => {
  expect(() => judge({ name: 'x', unit: 'ms', turns: [] })).toThrow('nothing was measured');
  expect(() => judge({ ...FIGURE, turns: [[1]] })).toThrow('not taken in turns');
  expect(() => judge({ name: 'x', unit: 'ms', turns: [[1]], goals: [{ of: 'ratio', atMost: 1 }] })).toThrow('baseline');
});

it('contenders take turns, and none of them always comes first', async () => {
  const order: string[] = [];
  const contender = (name: string) => (turn: number) => {
    order.push(name);
    return Promise.resolve([turn]);
  };
  expect(await inTurns(3, { ours: contender('ours'), theirs: contender('theirs') })).toEqual({
    ours: [[0], [1], [2]],
    theirs: [[0], [1], [2]],
  });
  expect(order).toEqual(['ours', 'theirs', 'theirs', 'ours', 'ours', 'theirs']);
});
