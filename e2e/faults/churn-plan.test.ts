import { expect, it } from 'vitest';
import { planChurn } from './churn-plan.ts';
import { randomOf } from './random.ts';

it.each([1, 2, 3])(
  'with seed %i 100 Services are made, only what is there is removed, and what is left is known',
  (seed) => {
    const { steps, left } = planChurn(randomOf(seed), { steps: 50, services: 100 });
    expect(steps).toHaveLength(50);
    expect(steps.flatMap(({ create }) => create)).toHaveLength(100);
    const there = new Set<string>();
    for (const { create, remove } of steps) {
      for (const name of remove) expect(there.delete(name)).toBe(true);
      for (const name of create) {
        expect(there.has(name)).toBe(false);
        there.add(name);
      }
    }
    expect([...there].sort()).toEqual(left);
    expect(new Set(steps.flatMap(({ create }) => create)).size).toBeLessThan(100);
    expect(steps.flatMap(({ remove }) => remove).length).toBeGreaterThan(30);
    expect(left.length).toBeGreaterThan(10);
  },
);

it('the same seed plans the same', () => {
  const plan = () => planChurn(randomOf(9), { steps: 10, services: 40 });
  expect(plan()).toEqual(plan());
});
