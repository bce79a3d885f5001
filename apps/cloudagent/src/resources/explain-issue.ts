import * as z from 'zod';
import { closest } from './closest.ts';
import type { Path } from './violation.ts';

export interface Explained {
  readonly path: Path;
  readonly message: string;
}

/** What zod found, as sentences: one for each unknown field and one for each bad value. */
export function explainIssue(issue: z.core.$ZodIssue, schema: z.ZodType): Explained[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownField(key, fieldsAt(schema, path)) }));
    case 'invalid_type':
      return [{ path, message: wrongType(issue.expected, issue.input) }];
    case 'invalid_union':
      return explainUnion(issue, path, schema);
    case 'too_small':
      return [{ path, message: tooSmall(issue) }];
    case 'too_big':
      return [{ path, message: tooBig(issue) }];
    default:
      return [{ path, message: issue.message }];
  }
}

function unknownField(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  const list = known.length === 0 ? 'there is none here' : `known here: ${known.join(', ')}`;
  return `unknown field ${JSON.stringify(key.slice(0, 64))}: ${meant === undefined ? list : `did you mean ${meant}?`}`;
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of fields',
  record: 'a group of fields',
};

function wrongType(expected: string, input: unknown): string {
  const wanted = TYPES[expected] ?? expected;
  if (input === undefined) return `this field is missing: give it ${wanted}`;
  if (input === null) return `this field is empty: give it ${wanted}, or remove it`;
  const quote = expected === 'string' && typeof input !== 'object' ? ': put it in quotes' : '';
  return `this must be ${wanted}, not ${kindOf(input)}${quote}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of fields';
  return typeof value === 'string' ? `the text ${JSON.stringify(value.slice(0, 64))}` : JSON.stringify(value);
}

/** The alternative that fits the kind of value that was written; all of them when none does. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, schema: z.ZodType): Explained[] {
  const fitting = issue.errors.find((issues) =>
    issues.some(({ code, path }) => code !== 'invalid_type' || path.length > 0),
  );
  if (fitting === undefined) {
    const wanted = issue.errors
      .flat()
      .flatMap((each) => (each.code === 'invalid_type' ? [TYPES[each.expected] ?? ''] : []));
    return [
      {
        path,
        message: `${issue.input === undefined ? 'this field is missing: give it' : 'this must be'} ${wanted.join(' or ')}`,
      },
    ];
  }
  return fitting.flatMap((inner) => explainIssue({ ...inner, path: [...path, ...inner.path] }, schema));
}

function tooSmall({ origin, minimum }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'array') return minimum === 1 ? 'this list is empty: write at least one' : `write at least ${minimum}`;
  return `this is too small: write ${minimum} or more`;
}

function tooBig({ origin, maximum }: z.core.$ZodIssueTooBig): string {
  return origin === 'array'
    ? `this list is too long: write at most ${maximum}`
    : `this is too big: write ${maximum} or less`;
}

/** Names of the fields that the schema has at a path. */
function fieldsAt(schema: z.ZodType, path: Path): string[] {
  let at: z.core.$ZodType | undefined = schema;
  for (const part of path) at = inside(at, part);
  const object = at === undefined ? undefined : unwrapped(at);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function inside(schema: z.core.$ZodType | undefined, part: string | number): z.core.$ZodType | undefined {
  const outer = schema === undefined ? undefined : unwrapped(schema);
  if (outer instanceof z.ZodObject) return (outer.shape as Record<string, z.core.$ZodType>)[part];
  return outer instanceof z.ZodArray ? outer.element : undefined;
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return unwrapped(schema.def.innerType);
  if (schema instanceof z.ZodPipe) return unwrapped(schema.def.in);
  if (schema instanceof z.ZodUnion)
    return unwrapped(schema.def.options.find((each) => unwrapped(each) instanceof z.ZodObject) ?? z.never());
  return schema;
}
