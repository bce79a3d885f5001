import { decodeJoinToken, factsOfMaterial } from '@fairlead/certs';
import { enrol } from '@fairlead/rpc';
import { Command } from 'commander';
import { dirname, join } from 'node:path';
import type { Cli, GlobalOptions } from '../cli.ts';
import { configPath, writeConfig } from '../config.ts';
import { asCliError, CliError, usage } from '../failure.ts';
import { formatLifetime } from '../print/age.ts';

const PKI = 'pki';

export function loginCommand(cli: Cli): Command {
  return new Command('login')
    .summary('log in with a join token')
    .description(
      'Read a join token for an operator from standard input, make a key here, and have it certified.\nThe certificate lasts 12 hours and renews itself whenever a command is run in the last part of that time.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead tokens create operator alice --role admin | fairlead login\n  fairlead login < token',
    )
    .action(async (_options: object, command: Command) => {
      const { config, socket } = command.optsWithGlobals<GlobalOptions>();
      if (socket !== undefined) throw usage('--socket needs no login: leave it out');
      const path = configPath(config, cli.environment);
      if (path === undefined) throw usage('there is no home directory: set FAIRLEAD_CONFIG, or use --config FILE');
      if (cli.terminal.inputIsTerminal) cli.terminal.err('Paste the join token, then press Enter and Ctrl-D:\n');
      const text = await cli.terminal.readInput();
      const decoded = decodeJoinToken(text);
      if ('refused' in decoded) throw usage(decoded.refused);
      const { site, kind, name, join: address } = decoded.token;
      if (kind !== 'operator') throw usage(`this token is for ${kind} ${name}, not for an operator: use it there`);
      const outcome = await enrol(text, join(dirname(path), PKI)).catch((error: unknown) => {
        throw asCliError(error, { address, now: cli.now() });
      });
      if ('refused' in outcome) throw new CliError(outcome.refused);
      await writeConfig(path, { site, operator: name, pkiDirectory: PKI });
      const left = factsOfMaterial(outcome.enrolment.material).notAfter - cli.now();
      cli.terminal.err(
        `Logged in to site ${site} as ${name}, for ${formatLifetime(left)} and on as long as you use it (${path}).\n`,
      );
    });
}
