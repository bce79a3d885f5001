import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { stepsOf } from './guide.ts';

const GUIDE = `# Title
<!-- on: a b -->
\`\`\`sh
one
two
\`\`\`

\`\`\`sh
only to be read
\`\`\`

## More
<!-- on: desk, file: site.yaml -->

\`\`\`yaml
kind: X
\`\`\`
<!-- on: desk, as: token, until: x: .*y -->
\`\`\`sh
three
\`\`\`
`;

it('takes the marked blocks of a guide as steps, in order, and leaves the others alone', () => {
  expect(stepsOf(GUIDE)).toEqual([
    { line: 3, heading: 'Title', on: ['a', 'b'], text: 'one\ntwo' },
    { line: 15, heading: 'More', on: ['desk'], file: 'site.yaml', text: 'kind: X' },
    { line: 19, heading: 'More', on: ['desk'], as: 'token', until: /x: .*y/, text: 'three' },
  ]);
});

it.each([
  ['<!-- on: a -->\nno block\n', 'line 1: a mark without a block'],
  ['<!-- on: a -->\n```sh\nnever closed\n', 'line 1: a mark without a block'],
  ['<!-- on: a, wait: 3 -->\n```sh\nx\n```\n', 'line 1: there is no option wait'],
])('does not pass over a mistake in %j', (guide, message) => {
  expect(() => stepsOf(guide)).toThrow(message);
});

it('finds in the guide to installation something to do on every machine that its table names', () => {
  const guide = readFileSync(resolve(import.meta.dirname, '../../docs/install.md'), 'utf8');
  const places = new Set(stepsOf(guide).flatMap(({ on }) => on));
  expect([...places].sort()).toEqual(['checkout', 'cloudagent', 'desk', 'lb-1', 'lb-2']);
});
