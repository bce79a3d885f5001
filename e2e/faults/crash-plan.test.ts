import { expect, it } from 'vitest';
import { planCrashes } from './crash-plan.ts';
import { randomOf } from './random.ts';

const FAILPOINTS = { ofCreation: ['made', 'told'], ofDeletion: ['freed', 'forgotten'] };

it('each failpoint is met three times, a hundred Services are made, and only what is there is removed', () => {
  const { crashes, left } = planCrashes(randomOf(4), FAILPOINTS);
  const names = crashes.map(({ failpoint }) => failpoint.split(':')[0]);
  for (const name of [...FAILPOINTS.ofCreation, ...FAILPOINTS.ofDeletion]) {
    expect(names.filter((each) => each === name)).toHaveLength(3);
  }
  const there = new Set<string>();
  for (const { create, remove } of crashes) {
    for (const name of remove) expect(there.delete(name)).toBe(true);
    for (const name of create) there.add(name);
  }
  expect([...there].sort()).toEqual(left);
  expect(crashes.flatMap(({ create }) => create)).toHaveLength(100);
  expect(left).toHaveLength(40);
});
