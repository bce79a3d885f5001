import type { pb } from '@fairlead/rpc';
import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { readDocuments } from '../documents.ts';
import { CliError } from '../failure.ts';
import { qualifiedName } from '../kinds.ts';
import { collect } from './options.ts';

interface Options {
  readonly filename: string[];
  readonly recursive?: true;
  readonly dryRun?: true;
  readonly output?: string;
}

export function applyCommand(cli: Cli): Command {
  return new Command('apply')
    .summary('make the site what files say')
    .description('Make the site what the documents of files say: all of them, or, when anything is wrong, none.')
    .option('-f, --filename <file>', 'file, directory, or - for standard input; may be given again', collect, [])
    .option('-R, --recursive', 'directories with all that is in them')
    .option('--dry-run', 'check only, change nothing')
    .option('-o, --output <format>', 'name: print names only')
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead apply -f site.yaml\n  fairlead get vippools -o yaml | sed s/150/140/ | fairlead apply -f -',
    )
    .action(async (options: Options, command: Command) => {
      const documents = await readDocuments(options.filename, options.recursive === true, cli.terminal);
      await withConnection(cli, command, async ({ site }) => {
        const dryRun = options.dryRun === true;
        const { applied, violations } = await site.apply({ documents, dryRun });
        if (violations.length > 0) {
          for (const { source, line, field, message } of violations) {
            cli.terminal.err(`${violationLine({ source, line, field, message })}\n`);
          }
          throw new CliError(
            `nothing was applied: correct ${violations.length === 1 ? 'this' : `these ${violations.length}`} and apply again`,
          );
        }
        for (const { kind, name, result } of applied) {
          const suffix = options.output === 'name' ? '' : ` ${result}${dryRun ? ' (dry run)' : ''}`;
          cli.terminal.out(`${qualifiedName(kind, name)}${suffix}\n`);
        }
        if (applied.length === 0) cli.terminal.err('There is no document in what was given.\n');
      });
    });
}

/** `site.yaml:12: VipPool/default spec.ranges[0]: what is wrong`; nothing is said twice. */
function violationLine({ source, line, field, message }: pb.Violation.$Properties): string {
  const place = (line ?? 0) > 0 ? `${source}:${line}` : (source ?? '');
  const about = field && !message?.startsWith(field) ? field : '';
  return [place, about, message].filter((part) => part !== '').join(': ');
}
