import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import type { Connection } from '../connection.ts';
import { CliError, usage } from '../failure.ts';
import { KINDS, parseSelections, SERVICE } from '../kinds.ts';
import type { Selection } from '../kinds.ts';
import { describeResource, describeService, matchesName } from '../print/describe.ts';
import { listedResource } from '../print/document.ts';
import { isService } from '../print/site-view.ts';

export function describeCommand(cli: Cli): Command {
  return new Command('describe')
    .summary('everything about one resource')
    .description('Everything the site knows of resources: what was written, and how it is now.')
    .argument('<kind>', 'KIND or KIND/NAME')
    .argument('[name...]', 'names; none: all of the kind')
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead describe vippool default\n  fairlead describe machine/lb-1\n  fairlead describe service shop/front',
    )
    .action(async (kind: string, names: string[], _options: object, command: Command) => {
      const selections = parseSelections([kind, ...names]);
      if (selections.length > 1 && selections.length === KINDS.length)
        throw usage('describe takes one kind: for example `fairlead describe machines`');
      await withConnection(cli, command, async (connection) => {
        const texts = (
          await Promise.all(selections.map(async (selection) => await describe(connection, selection)))
        ).flat();
        if (texts.length === 0) cli.terminal.err('No resources found.\n');
        cli.terminal.out(texts.join('\n\n'));
      });
    });
}

async function describe({ site }: Connection, { kind, names }: Selection): Promise<string[]> {
  const view = await site.show({});
  if (kind === SERVICE) {
    const services = view.loadBalancers.filter(isService);
    const chosen =
      names.length === 0
        ? services
        : names.flatMap((name) =>
            chosenOr(
              services.filter((each) => matchesName(each, name)),
              kind.plural,
              name,
            ),
          );
    return chosen.map(describeService);
  }
  const all = (await site.list({ kind: kind.kind })).resources.map(listedResource);
  const chosen =
    names.length === 0
      ? all
      : names.flatMap((name) =>
          chosenOr(
            all.filter(({ document }) => document.metadata.name === name),
            kind.plural,
            name,
          ),
        );
  return chosen.map((resource) => describeResource(resource, view));
}

function chosenOr<Item>(found: readonly Item[], plural: string, name: string): readonly Item[] {
  if (found.length > 0) return found;
  throw new CliError(`${plural} ${JSON.stringify(name)} not found: \`fairlead get ${plural}\` lists what there is`);
}
