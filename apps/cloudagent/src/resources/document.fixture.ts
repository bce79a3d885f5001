import { parse } from './parse.ts';
import { formatViolation } from './site.fixture.ts';

/** `line field: message` of each violation. */
export function wrong(yaml: string): string[] {
  return parse([{ yaml, source: 'site.yaml' }]).violations.map(formatViolation);
}

/** One document; its spec begins on line 5. */
export function document(kind: string, spec: string, name = 'x'): string {
  const indented = spec
    .trim()
    .split('\n')
    .map((line) => `  ${line}`);
  return `apiVersion: fairlead.dev/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:\n${indented.join('\n')}\n`;
}
