import { expect, it } from 'vitest';
import { failpoint } from './failpoint.ts';

const PLACES = ['after-commit', 'before-answer'] as const;

function deaths(text: string | undefined): number[] {
  const found: number[] = [];
  let visit = 0;
  const reach = failpoint(text, PLACES, () => found.push(visit));
  for (visit = 1; visit <= 4; visit++) for (const place of PLACES) reach(place);
  return found;
}

it.each([
  [undefined, []],
  ['', []],
  ['after-commit', [1]],
  ['before-answer:3', [3]],
  ['before-answer:9', []],
])('with %j a process dies at visits %j, once', (text, visits) => {
  expect(deaths(text)).toEqual(visits);
});

it.each(['nowhere', 'after-commit:0', 'after-commit:x'])(
  '%j is told to be no failpoint, with those there are',
  (text) => {
    expect(() => deaths(text)).toThrow(
      `FAIRLEAD_FAILPOINT=${text} is no failpoint: unset it, or use after-commit, before-answer`,
    );
  },
);
