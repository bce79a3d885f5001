import { expect, it } from 'vitest';
import { randomOf } from './random.ts';
import { planStorm, type Target } from './storm.ts';

const target = (name: string, isDataPlane: boolean): Target => ({ host: 'h', name, isDataPlane, isKept: true });
const TARGETS = [target('mind', false), target('other-mind', false), target('hand', true)];

it('a storm has the same strikes for the same seed, in order, within its time, at everything', () => {
  const strikes = planStorm(randomOf(3), 300, TARGETS);
  expect(strikes).toEqual(planStorm(randomOf(3), 300, TARGETS));
  expect(strikes).not.toEqual(planStorm(randomOf(4), 300, TARGETS));
  const times = strikes.map(({ atMs }) => atMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeLessThan(300_000);
  expect(strikes.length).toBeGreaterThan(200);
  expect(new Set(strikes.map((strike) => strike.target.name))).toEqual(new Set(TARGETS.map(({ name }) => name)));
  const hands = strikes.filter((strike) => strike.target.isDataPlane).length;
  expect(hands / strikes.length).toBeGreaterThan(0.2);
  expect(hands / strikes.length).toBeLessThan(0.5);
});
