import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'prettier';
import { parse } from 'yaml';
import { CHARTS } from './helm.ts';

/** As much of a JSON schema as the charts use to say which values there are. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

export interface ChartValue {
  /** Such as image.tag. */
  readonly name: string;
  readonly value: unknown;
  /** What the comment above it says; undefined: it has none. */
  readonly comment: string | undefined;
}

const BEGIN = '<!-- values -->';
const END = '<!-- /values -->';

/** Every value of a chart that its schema does not divide any further, in the order of values.yaml. */
export function readValues(chart: string): ChartValue[] {
  const text = readFileSync(join(chart, 'values.yaml'), 'utf8');
  const comments = commentsIn(text);
  return leaves(parse(text), readSchema(chart), []).map(({ name, value }) => ({
    name,
    value,
    comment: comments.get(name),
  }));
}

/** Names of all values that the schema of a chart knows, in order, without what helm adds by itself. */
export function knownValues(chart: string): string[] {
  const names = (schema: Schema, path: readonly string[]): string[] =>
    schema.properties === undefined
      ? [path.join('.')]
      : Object.entries(schema.properties).flatMap(([name, inner]) => names(inner, [...path, name]));
  return names(readSchema(chart), [])
    .filter((name) => name !== 'global')
    .sort();
}

/** The README of a chart with its table of values as it should be. */
export async function renderReadme(chart: string): Promise<string> {
  const old = readFileSync(join(chart, 'README.md'), 'utf8');
  const [before, after] = [old.split(BEGIN)[0]!, old.split(END)[1]];
  if (after === undefined) throw new Error(`${chart}/README.md has no ${BEGIN} … ${END}`);
  const rows = readValues(chart).map(
    ({ name, value, comment }) => `| \`${name}\` | \`${JSON.stringify(value)}\` | ${comment ?? ''} |`,
  );
  const table = ['| value | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
  const text = `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
  return format(text, { parser: 'markdown', printWidth: 120 });
}

function readSchema(chart: string): Schema {
  return JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema;
}

function leaves(
  value: unknown,
  schema: Schema | undefined,
  path: readonly string[],
): { name: string; value: unknown }[] {
  if (schema?.properties === undefined) return [{ name: path.join('.'), value }];
  return Object.entries(value as Record<string, unknown>).flatMap(([name, inner]) =>
    leaves(inner, schema.properties?.[name], [...path, name]),
  );
}

/** The text after `# -- ` above each value, by the value's name. */
function commentsIn(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const path: string[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n')) {
    const said = /^ *# (?:-- )?(.*)$/.exec(line)?.[1];
    const key = /^( *)([A-Za-z]+):/.exec(line);
    if (said !== undefined) comment.push(said);
    else if (key !== null) {
      path.splice(key[1]!.length / 2, Infinity, key[2]!);
      if (comment.length > 0) found.set(path.join('.'), comment.join(' '));
      comment = [];
    } else comment = [];
  }
  return found;
}

if (import.meta.main) {
  for (const chart of Object.values(CHARTS)) writeFileSync(join(chart, 'README.md'), await renderReadme(chart));
}
