import { Command, CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { applyCommand } from './commands/apply.ts';
import { certificatesCommand } from './commands/certificates.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { getCommand } from './commands/get.ts';
import { loginCommand } from './commands/login.ts';
import { machinesCommand } from './commands/machines.ts';
import { showCommand } from './commands/show.ts';
import { tokensCommand } from './commands/tokens.ts';
import { versionCommand } from './commands/version.ts';
import { asCliError, EXIT } from './failure.ts';
import type { ExitCode } from './failure.ts';

const EPILOGUE = `
Examples:
  fairlead show                                   the site on one screen
  fairlead apply -f site.yaml                     make the site what the file says
  fairlead get machines -o wide
  fairlead machines add lb-3 --set default        prints the command that joins it

Exit codes:
  0  done
  1  the site refused, something was not found, or an error
  2  the command line or the configuration makes no sense
  3  the cloudagent does not answer, or does not know who calls

Configuration: --config FILE, $FAIRLEAD_CONFIG, or ~/.config/fairlead/config.yaml; \`fairlead login\` writes it.`;

/** Runs one command line (without node and script) and says how the process should end. Throws nothing. */
export async function run(argv: readonly string[], cli: Cli): Promise<ExitCode> {
  const program = makeProgram(cli);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has said what is wrong by itself; help and version that were asked for are no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { message, exitCode } = asCliError(error);
    for (const line of message.split('\n')) cli.terminal.err(`error: ${line}\n`);
    return exitCode;
  }
}

function makeProgram(cli: Cli): Command {
  const program = new Command(cli.program)
    .description('Load balancers for Kubernetes on your own hardware: look at a site and change it.')
    .usage('[options] <command>')
    .option('--config <file>', 'configuration file')
    .option('--socket <path>', 'admin socket of a cloudagent on this machine, for its superuser')
    .option('--request-timeout <span>', 'longest wait for an answer', '10s')
    .addHelpText('after', EPILOGUE);
  const commands = [
    showCommand(cli),
    getCommand(cli),
    describeCommand(cli),
    applyCommand(cli),
    deleteCommand(cli),
    machinesCommand(cli),
    tokensCommand(cli),
    certificatesCommand(cli),
    loginCommand(cli),
    completionCommand(cli),
    versionCommand(cli),
  ];
  for (const command of commands) program.addCommand(command);
  program.addCommand(completeCommand(cli), { hidden: true });
  for (const command of allOf(program)) configure(command, cli);
  return program;
}

function configure(command: Command, { terminal }: Cli): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError(`Run \`${pathOf(command)} --help\` for what there is.`)
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}
