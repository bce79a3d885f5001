import { expect, it } from 'vitest';
import type { Desired } from '../desired.ts';
import { annotated, ask, OLD_RANGES, ranged } from '../testing/asking.ts';
import { type ServiceParts } from '../testing/objects.ts';

it.each<[string, ServiceParts, readonly string[] | undefined]>([
  ['the field', ranged(' 10.0.0.0/8', 'FD00::/8', '10.0.0.0/8 '), ['10.0.0.0/8', 'fd00::/8']],
  ['the annotation', annotated(OLD_RANGES, '10.0.0.0/8, 192.0.2.1/32'), ['10.0.0.0/8', '192.0.2.1/32']],
  [
    'the field before the annotation, whatever that says',
    { ...ranged('10.0.0.0/8'), ...annotated(OLD_RANGES, 'nonsense') },
    ['10.0.0.0/8'],
  ],
  ['an empty field and the annotation', { ...ranged(), ...annotated(OLD_RANGES, '10.0.0.0/8') }, ['10.0.0.0/8']],
  ['everyone, when both are empty', { ...ranged(), ...annotated(OLD_RANGES, ' ') }, undefined],
  ['everyone, when there is neither', {}, undefined],
  ['all of a family', ranged('0.0.0.0/0'), ['0.0.0.0/0']],
])('takes who may connect from %s', (_name, parts, ranges) => {
  const wish = ask(parts);
  expect(wish.kind === 'wanted' && wish.loadBalancer.sourceRanges).toEqual(ranges);
});

it('takes ranges in whatever order they are written', () => {
  expect(ask(ranged('10.0.0.0/8', 'fd00::/8'))).toEqual(ask(ranged('fd00::/8', '10.0.0.0/8')));
});

it.each([
  '',
  '10.0.0.1/8',
  '10.0.0.0',
  '010.0.0.0/8',
  '10.0.0.0/33',
  'fe80::%eth0/64',
  '::ffff:10.0.0.0/104',
  '10.0.0.0/8\n0.0.0.0/0',
  '10.0.0.0/8 }; flush ruleset',
  '１０.0.0.0/8',
  '9'.repeat(1024 * 1024),
])('refuses all ranges for the sake of %.40j, naming it', (text) => {
  for (const parts of [ranged('10.0.0.0/8', text), annotated(OLD_RANGES, `10.0.0.0/8,${text}`)]) {
    const wish = ask(parts);
    expect(wish).toMatchObject({ kind: 'refused', refusals: [{ reason: 'INVALID_SOURCE_RANGE' }] });
    const { field, message } = (wish as Extract<Desired, { kind: 'refused' }>).refusals[0]!;
    expect(field).toMatch(/(spec\.loadBalancerSourceRanges|load-balancer-source-ranges\])\[1\]$/);
    expect(message).toMatch(/^[^\n]*: .+[.?]$/);
    expect(message.length).toBeLessThan(400);
  }
});

it('takes thousands of ranges, and refuses more than the machines keep', () => {
  const many = (count: number) =>
    ranged(...Array.from({ length: count }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`));
  expect(ask(many(5000)).kind).toBe('wanted');
  expect(ask(many(10_001))).toMatchObject({ refusals: [{ reason: 'TOO_MANY_SOURCE_RANGES' }] });
});
