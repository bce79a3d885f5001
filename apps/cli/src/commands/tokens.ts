import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { usage } from '../failure.ts';
import { formatLifetime } from '../print/age.ts';
import { milliseconds } from '../print/certificates.ts';
import { parseSpan } from '../span.ts';
import { oneOf } from './options.ts';

const ROLES = ['reader', 'operator', 'admin'] as const;

/** What people call those who join, and what they are. */
const JOINING: Readonly<Record<string, 'lbagent' | 'controller' | 'operator'>> = {
  lbagent: 'lbagent',
  machine: 'lbagent',
  controller: 'controller',
  cluster: 'controller',
  operator: 'operator',
};

const NEXT: Readonly<Record<'lbagent' | 'controller' | 'operator', string>> = {
  lbagent: '`lbagent join` on the machine reads it from standard input',
  controller: '`controller --join-token-file FILE` reads it',
  operator: '`fairlead login` reads it from standard input',
};

interface Options {
  readonly role?: (typeof ROLES)[number];
  readonly lifetime?: string;
  readonly output?: 'json';
}

export function tokensCommand(cli: Cli): Command {
  return new Command('tokens')
    .summary('join tokens')
    .description('Join tokens: how machines, controllers and operators come in.')
    .addCommand(createCommand(cli));
}

function createCommand(cli: Cli): Command {
  return new Command('create')
    .summary('make a join token')
    .description('Make a join token: good once, for this name only. Standard output has the token and nothing else.')
    .argument('<kind>', 'lbagent (or machine), controller (or cluster), operator')
    .argument('<name>', 'name of the machine, the cluster or the operator')
    .option('--role <role>', `what an operator may do: ${ROLES.join(', ')} (default: operator)`, oneOf(...ROLES))
    .option('--lifetime <span>', 'how long it can be used (default: 24h)')
    .option('-o, --output <format>', 'json', oneOf('json'))
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead tokens create operator alice --role admin\n  fairlead tokens create controller prod --lifetime 1h',
    )
    .action(async (word: string, name: string, options: Options, command: Command) => {
      const kind = Object.hasOwn(JOINING, word.toLowerCase()) ? JOINING[word.toLowerCase()]! : undefined;
      if (kind === undefined)
        throw usage(`there is no token for ${JSON.stringify(word)}: write lbagent, controller or operator`);
      if (options.role !== undefined && kind !== 'operator') throw usage(`--role is for operators: a ${kind} has none`);
      const lifetimeSeconds = secondsOf(options.lifetime);
      await withConnection(cli, command, async ({ certificates }) => {
        const role = kind === 'operator' ? (options.role ?? 'operator') : '';
        const { token, expires } = await certificates.createJoinToken({ kind, name, role, lifetimeSeconds });
        const end = milliseconds(expires);
        if (options.output === 'json') {
          cli.terminal.out(
            `${JSON.stringify({ kind, name, token, expires: new Date(end).toISOString() }, undefined, 4)}\n`,
          );
          return;
        }
        cli.terminal.err(`Good once, for ${formatLifetime(end - cli.now())}: ${NEXT[kind]}.\n`);
        cli.terminal.out(`${token}\n`);
      });
    });
}

/** 0: what the site thinks best. */
function secondsOf(lifetime: string | undefined): number {
  if (lifetime === undefined) return 0;
  const span = parseSpan(lifetime);
  if (span === undefined || span < 1_000)
    throw usage(`--lifetime ${lifetime} is not a time span: write for example 1h`);
  return Math.floor(span / 1_000);
}
