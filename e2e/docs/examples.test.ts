import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { examplesOf } from './examples.ts';

const PAGE = `# Page

<!-- example: served -->

\`\`\`yaml
a: 1
\`\`\`

## More
<!-- example: refused -->
\`\`\`yaml
b: 2
\`\`\`
So:
\`\`\`text
no b
\`\`\`
`;

it('takes what is served and what is refused, each with its heading', () => {
  expect(examplesOf(PAGE)).toEqual([
    { line: 6, heading: 'Page', yaml: 'a: 1' },
    { line: 12, heading: 'More', yaml: 'b: 2', refusal: 'no b' },
  ]);
});

it.each([
  ['```yaml\na: 1\n```\n', 'line 1: say above'],
  ['<!-- example: serve -->\n```yaml\na: 1\n```\n', 'line 2: say above'],
  ['<!-- example: refused -->\n```yaml\na: 1\n```\n', 'line 2: say below'],
  ['<!-- example: refused -->\n```yaml\na: 1\n```\n```yaml\nb: 1\n```\n', 'line 2: say below'],
  ['<!-- example: served -->\n```yaml\na: 1\n', 'line 2: this block does not end'],
])('does not pass over a mistake in %j', (page, message) => {
  expect(() => examplesOf(page)).toThrow(message);
});

it('finds examples of both kinds in the page on Services', () => {
  const page = readFileSync(resolve(import.meta.dirname, '../../docs/services.md'), 'utf8');
  const examples = examplesOf(page);
  expect(examples.filter(({ refusal }) => refusal === undefined).length).toBeGreaterThan(5);
  expect(examples.filter(({ refusal }) => refusal !== undefined).length).toBeGreaterThan(3);
});
