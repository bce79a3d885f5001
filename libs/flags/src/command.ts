import { VERSION } from '@fairlead/telemetry';
import { Command, CommanderError } from 'commander';
import type { Flag, Table } from './flag.ts';

/** Flags that belong together. */
export interface FlagSet<Values> {
  readonly table: Table<Values>;
  /** What does not go together in what is given, or taken otherwise; each one sentence. */
  readonly contradictions?: (given: Given<Values>) => readonly string[];
}

/** The text of each flag that has one. */
export type Given<Values> = { readonly [Field in keyof Values]?: string };

/** Why nothing is to be done. */
export type Ended =
  /** Help or version was asked for and has been printed. */
  | { readonly kind: 'done' }
  /** Each one sentence. */
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

export type Parsed<Config> = { readonly kind: 'config'; readonly config: Config } | Ended;

/** A program that leaves it to its caller to say what is wrong; so do the commands that are added to it. */
export function program(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .version(VERSION)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

/** Lets the command parse a command line (without node and script); answers why it did not come to its end. */
export function parseArguments(command: Command, argv: readonly string[]): Ended | undefined {
  try {
    command.parse([...argv], { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'done' };
    return { kind: 'wrong', problems: [error.message.replace(/^error: /, '')] };
  }
}

/** Reads the command line (without node and script) of a program that has flags only. All that is wrong is told at once. */
export function parseFlags<Config>(command: Command, set: FlagSet<Config>, argv: readonly string[]): Parsed<Config> {
  const ended = parseArguments(withFlags(command, set), argv);
  if (ended?.kind === 'done') return ended;
  const read = readFlags(command, set);
  if (ended === undefined) return read;
  return read.kind === 'wrong' ? { ...read, problems: [...ended.problems, ...read.problems] } : ended;
}

/** Gives a command of a program its flags; `take` is told what they say when it is the one that is asked for. */
export function onCommand<Values>(
  command: Command,
  set: FlagSet<Values>,
  take: (parsed: Parsed<Values>) => void,
): void {
  withFlags(command, set).action(() => take(readFlags(command, set)));
}

function withFlags<Values>(command: Command, { table }: FlagSet<Values>): Command {
  for (const [field, { form, help, otherwise }] of entriesOf(table)) {
    if (form === '') command.option(nameOf(field), help);
    else command.option(`${nameOf(field)} <${form}>`, help, otherwise);
  }
  return command;
}

/** The values of a command that has parsed its arguments, or all that is wrong with them. */
function readFlags<Values>(command: Command, { table, contradictions }: FlagSet<Values>): Parsed<Values> {
  // A switch that is there is `true`, everything else a text.
  const given = command.opts<Record<string, string | true>>();
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [field, { read, rule, otherwise, missing }] of entriesOf(table)) {
    const text = given[field] ?? otherwise;
    const value = text === undefined ? undefined : read(String(text));
    if (value !== undefined) values[field] = value;
    else if (text !== undefined) problems.push(`${nameOf(field)} ${quote(String(text))}: ${rule}`);
    else if (missing !== undefined) problems.push(`${nameOf(field)} is missing: ${missing}`);
  }
  problems.push(...(contradictions?.(given as Given<Values>) ?? []));
  // Where nothing is wrong, every field that must be there is.
  return problems.length > 0 ? { kind: 'wrong', problems } : { kind: 'config', config: values as Values };
}

function entriesOf<Values>(table: Table<Values>): [string, Flag<unknown>][] {
  return Object.entries<Flag<unknown>>(table);
}

function nameOf(field: string): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
