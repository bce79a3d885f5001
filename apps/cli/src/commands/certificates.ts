import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { certificateData, certificateTable } from '../print/certificates.ts';
import { renderYaml } from '../print/document.ts';
import { renderTable } from '../print/table.ts';
import { oneOf } from './options.ts';

const FORMATS = ['wide', 'json', 'yaml'] as const;

export function certificatesCommand(cli: Cli): Command {
  return new Command('certificates')
    .alias('certs')
    .summary('certificates of the site')
    .description('Certificates of the site.')
    .addCommand(listCommand(cli));
}

function listCommand(cli: Cli): Command {
  return new Command('list')
    .summary('those issued and still valid')
    .description('The certificates issued and still valid.')
    .option('-o, --output <format>', `one of ${FORMATS.join(', ')}`, oneOf(...FORMATS))
    .option('--no-headers', 'without the line of titles')
    .addHelpText('after', '\nExamples:\n  fairlead certificates list\n  fairlead certificates list -o json')
    .action(async ({ output, headers }: { output?: (typeof FORMATS)[number]; headers: boolean }, command: Command) => {
      await withConnection(cli, command, async ({ certificates }) => {
        const issued = (await certificates.listCertificates({})).certificates;
        const { out, err } = cli.terminal;
        if (output === 'json') return out(`${JSON.stringify(issued.map(certificateData), undefined, 4)}\n`);
        if (output === 'yaml') return out(renderYaml(issued.map(certificateData)));
        if (issued.length === 0) return err('No certificates found.\n');
        return out(renderTable(certificateTable(issued, cli.now(), output === 'wide'), headers));
      });
    });
}
