import type { Command } from 'commander';
import { findKind, KINDS, SERVICE } from './kinds.ts';
import type { Kind } from './kinds.ts';

const TAKES_KIND = ['get', 'describe', 'delete'];

/** What may stand where the last word is; `namesOf` asks the site. In no order that means anything. */
export async function candidatesFor(
  root: Command,
  words: readonly string[],
  namesOf: (kind: Kind) => Promise<readonly string[]>,
): Promise<string[]> {
  const typed = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const { command, rest } = descend(root, typed);
  if (takesValue(command, typed.at(-1))) return choicesOf(command, typed.at(-1)!);
  if (current.startsWith('-')) return optionsOf(command);
  if (command.commands.length > 0) {
    return command.commands.map((each) => each.name()).filter((name) => !name.startsWith('_'));
  }
  if (!TAKES_KIND.includes(command.name())) return command.registeredArguments[rest.length]?.argChoices?.slice() ?? [];
  const [kind] = rest;
  if (kind === undefined)
    return [...KINDS, ...(command.name() === 'delete' ? [] : [SERVICE])].map(({ plural }) => plural);
  try {
    return [...(await namesOf(findKind(kind)))];
  } catch {
    return [];
  }
}

/** The command that the words name, and its arguments among them. */
function descend(root: Command, words: readonly string[]): { command: Command; rest: string[] } {
  let command = root;
  const rest: string[] = [];
  for (const [index, word] of words.entries()) {
    if (word.startsWith('-') || takesValue(command, words[index - 1])) continue;
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (next === undefined) rest.push(word);
    else command = next;
  }
  return { command, rest };
}

function takesValue(command: Command, word: string | undefined): boolean {
  return optionNamed(command, word)?.required === true;
}

function choicesOf(command: Command, word: string): string[] {
  const option = optionNamed(command, word);
  const listed = /(?:one of|do:) ([\w, ]+)/.exec(option?.description ?? '')?.[1];
  return option?.argChoices?.slice() ?? listed?.trim().split(', ') ?? [];
}

function optionNamed(command: Command, word: string | undefined) {
  if (word === undefined || !word.startsWith('-')) return undefined;
  const all = [command, ...(command.parent ? [command.parent] : [])].flatMap(({ options }) => options);
  return all.find(({ long, short }) => long === word || short === word);
}

function optionsOf(command: Command): string[] {
  const own = command.options.map(({ long }) => long);
  const inherited = command.parent?.options.map(({ long }) => long) ?? [];
  return [...own, ...inherited, '--help'].filter((name) => name !== undefined && name !== null);
}
