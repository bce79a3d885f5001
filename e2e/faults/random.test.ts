import { expect, test } from 'vitest';
import { randomOf } from './random.ts';
import { faultSettings } from './settings.ts';

const draw = (seed: number) => {
  const random = randomOf(seed);
  return Array.from({ length: 1000 }, () => random.between(1, 6));
};

test('a seed gives the same schedule again, another seed another one', () => {
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('every number of a range is drawn, and none outside it', () => {
  expect(new Set(draw(1))).toEqual(new Set([1, 2, 3, 4, 5, 6]));
  const random = randomOf(2);
  expect(new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b'])))).toEqual(new Set(['a', 'b']));
});

test('settings come from the environment, and nonsense there is told', () => {
  expect(faultSettings({}, 5)).toMatchObject({ seed: 5, stormSeconds: 300, deadSeconds: 60, logs: undefined });
  expect(faultSettings({ FAIRLEAD_SEED: '12', FAIRLEAD_STORM_SECONDS: '60' }, 5)).toMatchObject({
    seed: 12,
    stormSeconds: 60,
  });
  expect(() => faultSettings({ FAIRLEAD_SEED: 'x' }, 5)).toThrow('FAIRLEAD_SEED=x does not do: give a whole number');
});
