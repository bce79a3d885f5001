/** One manifest of a page, and what the page says comes of it. */
export interface Example {
  /** Line of the page where it begins, from 1. */
  readonly line: number;
  /** The heading above it. */
  readonly heading: string;
  readonly yaml: string;
  /** What its author is told, to the letter; absent: it is served. */
  readonly refusal?: string;
}

const MARK = /^<!-- example: (.+) -->$/;

/**
 * The examples of a page in Markdown: yaml blocks under a comment, `<!-- example: served -->` or `<!-- example: refused -->`;
 * the latter with the refusal in a text block behind. Throws when a yaml block stands without a mark, or is not as it says.
 */
export function examplesOf(markdown: string): Example[] {
  const lines = markdown.split('\n');
  let heading = '';
  let mark: string | undefined;
  return lines.flatMap((line, index): Example[] => {
    if (/^#+ /.test(line)) heading = line.replace(/^#+ /, '');
    mark = MARK.exec(line)?.[1] ?? mark;
    if (line !== '```yaml') return [];
    const example = { line: index + 2, heading, yaml: blockFrom(lines, index) };
    const kind = mark;
    mark = undefined;
    if (kind === 'served') return [example];
    if (kind !== 'refused') throw new Error(`line ${index + 1}: say above whether this example is served or refused`);
    const next = lines.findIndex((each, at) => at > index && each.startsWith('```') && each !== '```');
    if (lines[next] !== '```text') throw new Error(`line ${index + 1}: say below in a text block how it is refused`);
    return [{ ...example, refusal: blockFrom(lines, next) }];
  });
}

function blockFrom(lines: readonly string[], fence: number): string {
  const end = lines.findIndex((each, at) => at > fence && each === '```');
  if (end === -1) throw new Error(`line ${fence + 1}: this block does not end`);
  return lines.slice(fence + 1, end).join('\n');
}
