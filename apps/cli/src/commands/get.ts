import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import type { Connection } from '../connection.ts';
import { CliError, usage } from '../failure.ts';
import { KINDS, parseSelections, qualifiedName, SERVICE } from '../kinds.ts';
import type { Selection } from '../kinds.ts';
import { listedResource, renderDocuments } from '../print/document.ts';
import type { ListedResource } from '../print/document.ts';
import { matchesName } from '../print/describe.ts';
import { resourceTable, serviceTable } from '../print/resource-table.ts';
import { renderTable } from '../print/table.ts';
import { FORMATS, type GetOptions, oneOf } from './options.ts';
import { watchResources } from './watch.ts';

export function getCommand(cli: Cli): Command {
  return new Command('get')
    .summary('list resources and how they are')
    .description(
      `List resources, one a line.\n\nKinds: ${[...KINDS, SERVICE].map(({ plural, short }) => `${plural} (${short})`).join(', ')}, all.`,
    )
    .argument('<kind>', 'KIND, KIND,KIND, all, or KIND/NAME')
    .argument('[name...]', 'names; none: all of the kind')
    .option('-o, --output <format>', `one of ${FORMATS.join(', ')}`, oneOf(...FORMATS))
    .option('-w, --watch', 'go on, and print what changes')
    .option('--no-headers', 'without the line of titles')
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead get vippools\n  fairlead get machine lb-1 -o yaml\n  fairlead get vp,nip -o wide\n  fairlead get machines -w',
    )
    .action(async (kind: string, names: string[], options: GetOptions, command: Command) => {
      const selections = parseSelections([kind, ...names]);
      const [only] = selections;
      await withConnection(cli, command, async (connection) => {
        if (options.watch !== true) return await printSelections(cli, connection, selections, options);
        if (only === undefined || selections.length > 1)
          throw usage('one kind at a time can be watched: give one KIND');
        return await watchResources(cli, connection, only, options);
      });
    });
}

async function printSelections(
  cli: Cli,
  connection: Connection,
  selections: readonly Selection[],
  options: GetOptions,
): Promise<void> {
  const { output } = options;
  if (selections.some(({ kind }) => kind === SERVICE)) return await printServices(cli, connection, selections, options);
  const found = await Promise.all(selections.map(async (selection) => await fetchResources(connection, selection)));
  const missing = found.flatMap((each) => each.missing);
  if (output === 'json' || output === 'yaml') {
    const single = selections.length === 1 && selections[0]?.names.length === 1;
    const documents = found.flatMap(({ resources }) => resources.map(({ document }) => document));
    if (documents.length > 0 || !single) cli.terminal.out(renderDocuments(documents, output, single));
  } else if (output === 'name') {
    const documents = found.flatMap(({ resources }) => resources).map(({ document }) => document);
    for (const { kind, metadata } of documents) cli.terminal.out(`${qualifiedName(kind, metadata.name)}\n`);
  } else {
    await printTables(cli, connection, found, options);
  }
  if (missing.length > 0) throw new CliError(missing.join('\n'));
}

interface Fetched {
  readonly selection: Selection;
  readonly resources: readonly ListedResource[];
  readonly missing: readonly string[];
}

async function fetchResources({ site }: Connection, selection: Selection): Promise<Fetched> {
  const { kind, names } = selection;
  const all = (await site.list({ kind: kind.kind })).resources.map(listedResource);
  if (names.length === 0) return { selection, resources: all, missing: [] };
  const wanted = names.map((name) => ({ name, found: all.find(({ document }) => document.metadata.name === name) }));
  return {
    selection,
    resources: wanted.flatMap(({ found }) => found ?? []),
    missing: wanted
      .filter(({ found }) => found === undefined)
      .map(({ name }) => `${kind.plural} ${JSON.stringify(name)} not found`),
  };
}

async function printTables(
  cli: Cli,
  { site }: Connection,
  found: readonly Fetched[],
  options: GetOptions,
): Promise<void> {
  const filled = found.filter(({ resources }) => resources.length > 0);
  if (filled.length === 0 && found.every(({ missing }) => missing.length === 0))
    cli.terminal.err('No resources found.\n');
  if (filled.length === 0) return;
  const view = await site.show({});
  const tables = filled.map(({ selection, resources }) => {
    const table = resourceTable(selection.kind.kind, resources, view, options.output === 'wide');
    if (found.length === 1) return renderTable(table, options.headers);
    const rows = table.rows.map(([name, ...cells]) => [`${selection.kind.singular}/${name}`, ...cells]);
    return renderTable({ ...table, rows }, options.headers);
  });
  cli.terminal.out(tables.join('\n'));
}

async function printServices(
  cli: Cli,
  { site }: Connection,
  selections: readonly Selection[],
  options: GetOptions,
): Promise<void> {
  const { output } = options;
  if (selections.some(({ kind }) => kind !== SERVICE))
    throw usage('services are listed alone: `fairlead get services`');
  if (output === 'json' || output === 'yaml' || output === 'name') {
    throw usage(`-o ${output} is for resources; Services belong to their cluster: use kubectl there`);
  }
  const names = selections.flatMap((selection) => selection.names);
  const view = await site.show({});
  const missing = names.filter((name) => !view.loadBalancers.some((each) => matchesName(each, name)));
  const table = serviceTable(
    view,
    output === 'wide',
    (full) => names.length === 0 || names.some((name) => full === name || full.endsWith(`/${name}`)),
  );
  if (table.rows.length > 0) cli.terminal.out(renderTable(table, options.headers));
  else if (missing.length === 0) cli.terminal.err('No resources found.\n');
  if (missing.length > 0)
    throw new CliError(missing.map((name) => `services ${JSON.stringify(name)} not found`).join('\n'));
}
