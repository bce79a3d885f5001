import { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { withConnection } from '../cli.ts';
import { renderYaml } from '../print/document.ts';
import { oneOf } from './options.ts';

interface AddOptions {
  readonly set: string;
  readonly address?: string;
  readonly device?: string;
  readonly output?: 'json' | 'yaml' | 'token';
}

export function machinesCommand(cli: Cli): Command {
  return new Command('machines').summary('LB machines').description('LB machines.').addCommand(addCommand(cli));
}

function addCommand(cli: Cli): Command {
  return new Command('add')
    .summary('declare a machine and print how it joins')
    .description('Declare an LB machine. Standard output has the one command that joins it, to be run there.')
    .argument('<name>', 'name of the machine')
    .requiredOption('--set <set>', 'LoadBalancerSet that it belongs to')
    .option('--address <address>', "its own address (default: the next free one of the set's NodeIpPool)")
    .option('--device <device>', 'its link on the network of the set (default: eth0)')
    .option('-o, --output <format>', 'json, yaml, or token for the join token alone', oneOf('json', 'yaml', 'token'))
    .addHelpText(
      'after',
      '\nExamples:\n  fairlead machines add lb-3 --set default\n  fairlead machines add lb-3 --set default --address 192.168.0.22 | ssh lb-3 sudo sh',
    )
    .action(async (name: string, options: AddOptions, command: Command) => {
      await withConnection(cli, command, async ({ machines }) => {
        const wanted = {
          name,
          loadBalancerSet: options.set,
          agentAddress: options.address ?? '',
          device: options.device ?? '',
        };
        const { agentAddress, joinToken } = await machines.add(wanted);
        const data = { name, agentAddress, joinToken };
        const { out, err } = cli.terminal;
        if (options.output === 'json') return out(`${JSON.stringify(data, undefined, 4)}\n`);
        if (options.output === 'yaml') return out(renderYaml(data));
        if (options.output === 'token') return out(`${joinToken}\n`);
        err(
          `machine.fairlead.dev/${name} created, its address is ${agentAddress}\nRun this there, as root, once, within 24 h:\n`,
        );
        return out(`echo ${joinToken} | lbagent join\n`);
      });
    });
}
