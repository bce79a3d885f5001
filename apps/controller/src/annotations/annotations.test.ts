import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Annotation } from './annotations.ts';
import { ANNOTATIONS, annotationField, readAnnotations } from './annotations.ts';
import { annotationsPage } from './page.ts';
import type { Desired } from '../desired.ts';
import { desired } from '../desired.ts';
import { service } from '../testing/objects.ts';

/** What an annotation needs beside it to mean anything. */
const BESIDE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'fairlead.dev/check-status': { 'fairlead.dev/check': 'http:/healthz' },
};

function ask(key: string, value: string): Desired {
  const annotations = { ...BESIDE[key], [key]: value };
  const around = { cluster: 'prod', defaultClass: false, namespaceLabels: {}, slices: [] };
  return desired(service({ metadata: { annotations } }), around);
}

const ROWS = Object.entries(ANNOTATIONS) as readonly (readonly [string, Annotation<unknown>])[];
const SERVED = ROWS.filter(([, { served }]) => served);

describe('an annotation that is served', () => {
  it.each(SERVED.flatMap(([key, { value }]) => value.examples.map((example) => [key, example] as const)))(
    'takes %s: %s',
    (key, example) => {
      expect(ask(key, example)).toMatchObject({ kind: 'wanted' });
    },
  );

  it.each(SERVED.flatMap(([key, { value }]) => value.refused.map((example) => [key, example] as const)))(
    'refuses %s: %j, naming annotation and rule',
    (key, example) => {
      const wish = ask(key, example);
      expect(wish.kind === 'refused' && wish.refusals.map(({ field }) => field)).toEqual([annotationField(key)]);
      expect(wish.kind === 'refused' && wish.refusals[0]!.message).toMatch(/^metadata\.annotations\[[^\n]*: .+\.$/);
    },
  );

  it('is on the page, with its rule and its examples', () => {
    const page = annotationsPage();
    for (const [key, { value }] of SERVED) {
      for (const text of [`## ${key}\n`, value.rule, ...value.examples]) expect(page).toContain(text);
    }
  });
});

it.each(ROWS.filter(([, { served }]) => !served))('%s is refused as not served yet, and not on the page', (key) => {
  expect(readAnnotations({ [key]: 'x' })).toMatchObject({ refusals: [{ reason: 'ANNOTATION_NOT_SERVED' }] });
  expect(annotationsPage()).not.toContain(`## ${key}\n`);
});

it.each([
  ['fairlead.dev/ips', 'did you mean fairlead.dev/ip?'],
  ['fairlead.dev/Pool', 'did you mean fairlead.dev/pool?'],
  ['fairlead.dev/timeout-cleint', 'did you mean fairlead.dev/timeout-client?'],
  ['fairlead.dev/something-else', 'use one of fairlead.dev/ip, '],
  ['fairlead.dev/', 'use one of fairlead.dev/ip, '],
  ['fairlead.dev/toString', 'use one of fairlead.dev/ip, '],
  [`fairlead.dev/${'x'.repeat(1024 * 1024)}`, 'use one of fairlead.dev/ip, '],
])('asks what was meant by %.40s', (key, advice) => {
  const { refusals } = readAnnotations({ [key]: '' });
  expect(refusals).toMatchObject([{ reason: 'UNKNOWN_ANNOTATION', message: expect.stringContaining(advice) }]);
});

/** Text that begins like a good value and goes on as an attack. */
const HOSTILE = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .tuple(
      fc.constantFrom(...ROWS.flatMap(([, { value }]) => value.examples)),
      fc.constantFrom('\n', '\r', '\0', '"', "'", '#', '${HOME}', ';', '\\', '\u2028', '\u0661', '\ud800', ' ', '\t'),
      fc.constantFrom('', 'x', '\n    bind *:22', 'a'.repeat(1024 * 1024)),
    )
    .map((parts) => parts.join('')),
);

it('lets hostile text through in no annotation, and answers in short', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SERVED.map(([key]) => key)), HOSTILE, (key, text) => {
      const wish = ask(key, text);
      const said = wish.kind === 'refused' ? wish.refusals.map(({ message }) => message.length) : [];
      const sent = wish.kind === 'wanted' ? JSON.stringify(wish) : '';
      expect(Math.max(0, ...said)).toBeLessThan(1000);
      expect(sent).toMatch(/^[ -~]*$/);
      expect(sent).not.toMatch(/[#;$\\']/);
    }),
    { numRuns: 500 },
  );
});
