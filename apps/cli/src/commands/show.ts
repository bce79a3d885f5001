import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { ANSI_PAINT, NO_PAINT } from '../print/colour.ts';
import { renderYaml } from '../print/document.ts';
import { renderShow } from '../print/show.ts';
import { oneOf } from './options.ts';

export function showCommand(cli: Cli): Command {
  return new Command('show')
    .summary('the site on one screen')
    .description(
      'The site on one screen: machines, clusters, every load balancer with its address, machines and backends, and free addresses.',
    )
    .argument('[text]', 'only load balancers whose name contains this')
    .option('-o, --output <format>', 'json or yaml', oneOf('json', 'yaml'))
    .addHelpText('after', '\nExamples:\n  fairlead show\n  fairlead show shop/\n  watch -c fairlead show')
    .action(async (text: string | undefined, { output }: { output?: 'json' | 'yaml' }, command: Command) => {
      await withConnection(cli, command, async ({ site }) => {
        const view = await site.show({});
        const paint = cli.terminal.colour ? ANSI_PAINT : NO_PAINT;
        if (output === undefined) cli.terminal.out(renderShow(view, paint, (name) => name.includes(text ?? '')));
        else {
          const data: unknown = JSON.parse(JSON.stringify(view));
          cli.terminal.out(output === 'json' ? `${JSON.stringify(data, undefined, 4)}\n` : renderYaml(data));
        }
      });
    });
}
