import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { oneOf } from './options.ts';
import { VERSION } from '@fairlead/telemetry';

export function versionCommand(cli: Cli): Command {
  return new Command('version')
    .summary('versions of this program and of the cloudagent')
    .description('Print the versions of this program and of the cloudagent.')
    .option('--client', 'of this program only; asks nobody')
    .option('-o, --output <format>', 'json', oneOf('json'))
    .action(async ({ client, output }: { client?: true; output?: 'json' }, command: Command) => {
      const print = (server?: string) => {
        const data = { clientVersion: VERSION, ...(server === undefined ? {} : { serverVersion: server }) };
        const lines = `Client Version: ${VERSION}\n${server === undefined ? '' : `Server Version: ${server}\n`}`;
        cli.terminal.out(output === 'json' ? `${JSON.stringify(data, undefined, 4)}\n` : lines);
      };
      if (client === true) return print();
      return await withConnection(cli, command, async ({ health }) => {
        print((await health.checkHealth({ timeoutSeconds: 0 })).version);
      });
    });
}
