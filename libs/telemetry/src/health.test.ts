import { expect, it } from 'vitest';
import { createHealthBoard } from './health.ts';

it('is healthy when every part has reported that it is well', () => {
  const board = createHealthBoard(['store', 'control port']);
  expect(board.current().problems).toEqual(['control port has not started yet', 'store has not started yet']);
  expect(board.problemOf('store')).toBe('store has not started yet');
  board.report('store', undefined);
  expect(board.problemOf('store')).toBeUndefined();
  expect(board.current().healthy).toBe(false);
  board.report('control port', undefined);
  expect(board.current()).toEqual({ healthy: true, problems: [] });
});

it('tells its watchers each change once, and nothing after they have gone', () => {
  const board = createHealthBoard();
  const heard: boolean[] = [];
  const unsubscribe = board.subscribe(({ healthy }) => heard.push(healthy));
  board.report('haproxy', 'gone');
  board.report('haproxy', 'gone');
  board.report('haproxy', undefined);
  unsubscribe();
  board.report('haproxy', 'gone');
  expect(heard).toEqual([false, true]);
});
