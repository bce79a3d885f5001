import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wrong } from './document.fixture.ts';
import { parse } from './parse.ts';
import { SITE } from './site.fixture.ts';

describe('hostile input', () => {
  test('aliases of aliases of aliases end early', () => {
    const lines = Array.from(
      { length: 30 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`,
    );
    const before = process.threadCpuUsage();
    expect(wrong(`a0: &a0 [x]\n${lines.join('\n')}`).join()).toContain('has more than 100000 parts');
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(2_000);
  });

  test('an anchor inside itself, deep nesting and huge files end early', () => {
    expect(wrong(`a: &a\n  b: *a\n`).length).toBeGreaterThan(0);
    expect(wrong('['.repeat(50_000)).length).toBeGreaterThan(0);
    expect(wrong(`${'{a: '.repeat(40)}1${'}'.repeat(40)}`).join()).toContain('nested deeper than 32 levels');
    expect(wrong(`# ${'x'.repeat(2 ** 20)}`).join()).toContain('more than 1048576 characters');
  });

  const field = fc.constantFrom(
    'apiVersion',
    'kind',
    'metadata',
    'spec',
    'name',
    'ranges',
    'ports',
    '__proto__',
    'constructor',
    'size',
  );
  const leaf = fc.oneof(
    fc.constantFrom(
      'fairlead.dev/v1',
      'VipPool',
      'Cluster',
      'LoadBalancer',
      'LoadBalancerSet',
      '10.0.0.0/24',
      '1e400',
      '0x',
      '',
    ),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.constant(null),
  );
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(field, tie('tree'), { maxKeys: 4 }),
    ),
  }));

  test('whatever is read, nothing is thrown, and what is not taken is explained', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      tree.map((value) => JSON.stringify(value)),
      fc
        .tuple(fc.constantFrom('Network', 'VipPool', 'Machine', 'Cluster', 'LoadBalancer', 'LoadBalancerSet'), tree)
        .map(([kind, spec]) => JSON.stringify({ apiVersion: 'fairlead.dev/v1', kind, metadata: { name: 'x' }, spec })),
      fc
        .tuple(fc.nat(SITE.length), fc.nat(20), fc.string())
        .map(([at, cut, put]) => SITE.slice(0, at) + put + SITE.slice(at + cut)),
    );
    fc.assert(
      fc.property(text, (yaml) => {
        const { declarations, violations } = parse([{ yaml, source: 's' }]);
        const sentences = violations.every(
          ({ message, line }) => message.length > 5 && !message.includes('undefined') && line >= 0,
        );
        expect([sentences, declarations.every(({ resource }) => resource.name.length <= 63)]).toEqual([true, true]);
      }),
      { numRuns: 250 },
    );
  });
});
