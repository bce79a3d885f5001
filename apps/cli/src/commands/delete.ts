import { statusOf } from '@fairlead/rpc';
import { Command } from 'commander';
import { parseAllDocuments } from 'yaml';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import type { Connection } from '../connection.ts';
import { readDocuments } from '../documents.ts';
import type { Document } from '../documents.ts';
import { CliError, usage } from '../failure.ts';
import { findKind, KINDS, parseSelections, qualifiedName, SERVICE } from '../kinds.ts';
import type { Kind } from '../kinds.ts';
import { collect } from './options.ts';

interface Options {
  readonly filename: string[];
  readonly recursive?: true;
  readonly ignoreNotFound?: true;
  readonly output?: string;
}

interface Target {
  readonly kind: Kind;
  readonly name: string;
}

export function deleteCommand(cli: Cli): Command {
  return new Command('delete')
    .summary('take resources away')
    .description('Take resources away, by name or by the file that was applied. What others need is refused, and said.')
    .argument('[kind]', 'KIND or KIND/NAME')
    .argument('[name...]', 'names')
    .option('-f, --filename <file>', 'file, directory, or - for standard input; may be given again', collect, [])
    .option('-R, --recursive', 'directories with all that is in them')
    .option('--ignore-not-found', 'what is not there is no error')
    .option('-o, --output <format>', 'name: print names only')
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead delete loadbalancer registry\n  fairlead delete machine/lb-3\n  fairlead delete -f site.yaml',
    )
    .action(async (kind: string | undefined, names: string[], options: Options, command: Command) => {
      const targets = await targetsOf(cli, kind === undefined ? [] : [kind, ...names], options);
      await withConnection(cli, command, async (connection) => await deleteAll(cli, connection, targets, options));
    });
}

async function targetsOf(cli: Cli, words: readonly string[], options: Options): Promise<Target[]> {
  if (options.filename.length > 0) {
    if (words.length > 0) throw usage('give either names or -f, not both');
    const documents = await readDocuments(options.filename, options.recursive === true, cli.terminal);
    return documents.flatMap(targetsIn).sort((a, b) => KINDS.indexOf(b.kind) - KINDS.indexOf(a.kind));
  }
  const selections = parseSelections(words);
  const nameless = selections.find(({ names }) => names.length === 0);
  if (nameless !== undefined)
    throw usage(`say which ${nameless.kind.singular}: fairlead delete ${nameless.kind.singular} NAME`);
  return selections.flatMap(({ kind, names }) => names.map((name) => ({ kind, name })));
}

/** Kind and name of each document; the rest of it does not matter here. */
function targetsIn({ yaml, source }: Document): Target[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw usage(`${source} is not valid YAML: ${error.message}`);
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const items = (value as { items?: unknown } | null)?.items;
    return (Array.isArray(items) ? (items as unknown[]) : [value]).flatMap((item) => {
      if (item === null) return [];
      const { kind, metadata } = item as { kind?: unknown; metadata?: { name?: unknown } };
      if (typeof kind !== 'string' || typeof metadata?.name !== 'string') {
        throw usage(`${source} has a document without kind or metadata.name`);
      }
      return [{ kind: findKind(kind), name: metadata.name }];
    });
  });
}

async function deleteAll(cli: Cli, { site }: Connection, targets: readonly Target[], options: Options): Promise<void> {
  const failed: string[] = [];
  for (const { kind, name } of targets) {
    if (kind === SERVICE) throw usage(`a Service is deleted in its cluster: kubectl delete service ${name}`);
    try {
      await site.deleteResource({ kind: kind.kind, name });
      cli.terminal.out(`${qualifiedName(kind.kind, name)}${options.output === 'name' ? '' : ' deleted'}\n`);
    } catch (error) {
      const status = statusOf(error);
      if (status === 'NOT_FOUND' && options.ignoreNotFound === true) continue;
      // One that cannot go does not keep the others; anything else ends it all.
      if (status !== 'NOT_FOUND' && status !== 'FAILED_PRECONDITION') throw error;
      failed.push(
        status === 'NOT_FOUND' ? `${kind.plural} ${JSON.stringify(name)} not found` : (error as Error).message,
      );
    }
  }
  if (failed.length > 0) throw new CliError(failed.join('\n'));
}
