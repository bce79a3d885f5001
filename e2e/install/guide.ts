/** One fenced block of the guide that somebody who follows it acts on. */
export interface Step {
  /** Line of the guide where the block begins, from 1. */
  readonly line: number;
  /** The heading above it. */
  readonly heading: string;
  /** Machines where it is done, one after the other. */
  readonly on: readonly string[];
  /** A shell's lines, or what a file shall hold. */
  readonly text: string;
  /** Name of the file that the text goes to; absent: the text is run. */
  readonly file?: string;
  /** What to call the output, for a later step. */
  readonly as?: string;
  /** Standard input is the output of that name. */
  readonly given?: string;
  /** The output is a command that is run there. */
  readonly then?: string;
  /** Repeated until the output is like this. */
  readonly until?: RegExp;
}

const MARK = /^<!-- on: (.+) -->$/;
const OPTIONS = ['file', 'as', 'given', 'then', 'until'];

/**
 * The steps of a guide in Markdown: fenced blocks under a comment such as `<!-- on: desk, until: Ready -->`. Blocks
 * without one are for reading. Throws on a mark without a block and on an option that it does not know.
 */
export function stepsOf(markdown: string): Step[] {
  const lines = markdown.split('\n');
  let heading = '';
  return lines.flatMap((line, index) => {
    if (/^#+ /.test(line)) heading = line.replace(/^#+ /, '');
    const mark = MARK.exec(line)?.[1];
    if (mark === undefined) return [];
    const begin = lines.findIndex((each, at) => at > index && each !== '');
    const end = lines.findIndex((each, at) => at > begin && each === '```');
    if (!lines[begin]?.startsWith('```') || end === -1) throw new Error(`line ${index + 1}: a mark without a block`);
    return [{ line: begin + 1, heading, text: lines.slice(begin + 1, end).join('\n'), ...marked(mark, index + 1) }];
  });
}

function marked(mark: string, line: number): Pick<Step, 'on' | 'file' | 'as' | 'given' | 'then' | 'until'> {
  const [places = '', ...options] = mark.split(', ');
  const given = options.map((option): [string, string] => {
    const [name = '', ...value] = option.split(': ');
    if (!OPTIONS.includes(name)) throw new Error(`line ${line}: there is no option ${name}: ${OPTIONS.join(', ')}`);
    return [name, value.join(': ')];
  });
  const { until, ...rest } = Object.fromEntries(given);
  return { on: places.split(' '), ...rest, ...(until === undefined ? {} : { until: new RegExp(until) }) };
}
