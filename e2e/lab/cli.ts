import { parseArgs } from 'node:util';
import { kubernetes } from './kubernetes/start.ts';
import { attachLab, startLab } from './lab.ts';
import { livingLabs, labsDirectory } from './directories.ts';
import { attachMachines, takeDown } from './machines.ts';
import { renderEnvironment } from './environment.ts';
import { execInTerminal } from './terminal.ts';
import type { HostStatus } from './protocol.ts';
import { join } from 'node:path';

const USAGE = `A whole site in network namespaces, on this machine.

  npm run lab -- COMMAND

  up NAME [--nodes 3] [--machines 2] [--advert-interval 100ms]
     [--without-kubernetes] [--dual-stack]
  down NAME
  list [NAME]                       labs, or the hosts and processes of one
  exec NAME HOST -- COMMAND …       for example: exec demo client -- curl http://10.9.100.1
  env NAME                          for your shell: eval "$(npm run --silent lab -- env NAME)"
  cut NAME HOST, heal NAME HOST     pull the host's network cable, and put it back
  halt NAME HOST, boot NAME HOST    lose power: the disk stays; "reboot" is both
  kill NAME HOST PROCESS [SIGNAL]   KILL unless said otherwise; it stays dead until
  start NAME HOST PROCESS
  logs NAME [HOST]

Hosts: client, control, cloudagent, lb-1 …, node-1 …; "wire" is the bridge between them.
`;

type Command = (argv: readonly string[]) => Promise<number | void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  up,
  list,
  exec,
  logs,
  down: async ([name]) => {
    const lab = wanted(name, 'NAME');
    if (!livingLabs().includes(lab))
      throw new Error(`there is no lab ${lab}; there are: ${livingLabs().join(', ') || 'none'}`);
    await takeDown(join(labsDirectory(), lab));
  },
  env: async ([name]) => {
    const lab = await attachLab(wanted(name, 'NAME'));
    process.stdout.write(await renderEnvironment(lab));
    lab.disconnect();
  },
  cut: onHost((machines, host) => machines.cut(host)),
  heal: onHost((machines, host) => machines.heal(host)),
  halt: onHost((machines, host) => machines.halt(host)),
  boot: onHost((machines, host) => machines.boot(host)),
  reboot: onHost((machines, host) => machines.reboot(host)),
  kill: onHost(async (machines, host, [process, signal]) => {
    await machines.kill(host, wanted(process, 'PROCESS'), signal);
  }),
  start: onHost(async (machines, host, [process]) => {
    await machines.start(host, wanted(process, 'PROCESS'));
  }),
};

type MachinesCommand = (
  machines: Awaited<ReturnType<typeof attachMachines>>,
  host: string,
  rest: readonly string[],
) => Promise<void>;

function onHost(command: MachinesCommand): Command {
  return async ([name, host, ...rest]) => {
    const machines = await attachMachines(wanted(name, 'NAME'));
    try {
      await command(machines, wanted(host, 'HOST'), rest);
    } finally {
      machines.disconnect();
    }
  };
}

function wanted(value: string | undefined, what: string): string {
  if (value !== undefined) return value;
  throw new Error(`${what} is missing. Try --help.`);
}

async function up(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      nodes: { type: 'string', default: '3' },
      machines: { type: 'string', default: '2' },
      'advert-interval': { type: 'string', default: '100ms' },
      'without-kubernetes': { type: 'boolean', default: false },
      'dual-stack': { type: 'boolean', default: false },
    },
  });
  const began = performance.now();
  const withKubernetes = values['without-kubernetes'] ? {} : { kubernetes: kubernetes() };
  const lab = await startLab({
    ...withKubernetes,
    name: wanted(positionals[0], 'NAME'),
    bound: false,
    nodes: Number(values.nodes),
    machines: Number(values.machines),
    advertInterval: values['advert-interval'],
    dualStack: values['dual-stack'],
    onProgress: (sentence) => console.error(sentence),
  });
  console.error(`lab ${lab.name} is up after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  lab.disconnect();
}

async function list([name]: readonly string[]): Promise<void> {
  if (name === undefined) {
    for (const lab of livingLabs()) console.log(lab);
    return;
  }
  const machines = await attachMachines(name);
  for (const host of await machines.status()) console.log(describe(host));
  machines.disconnect();
}

function describe({ name, address, up, cut, processes, others }: HostStatus): string {
  const state = up ? (cut ? 'cut' : 'up') : 'down';
  const running = processes.map((each) => `${each.name} ${each.pid ?? `(ended: ${each.ended})`}`);
  return [name.padEnd(12), address.split('/')[0]!.padEnd(12), state.padEnd(5), [...running, ...others].join(', ')]
    .join(' ')
    .trimEnd();
}

async function exec([name, host, ...rest]: readonly string[]): Promise<number> {
  const machines = await attachMachines(wanted(name, 'NAME'));
  const argv = rest[0] === '--' ? rest.slice(1) : rest;
  try {
    return await execInTerminal(machines, wanted(host, 'HOST'), argv.length > 0 ? argv : ['sh']);
  } finally {
    machines.disconnect();
  }
}

async function logs([name, host]: readonly string[]): Promise<void> {
  const machines = await attachMachines(wanted(name, 'NAME'));
  for (const { host: from, name: of, text } of await machines.logs(host)) {
    for (const line of text.split('\n')) if (line !== '') console.log(`${from}/${of}: ${line}`);
  }
  machines.disconnect();
}

async function main([command, ...rest]: readonly string[]): Promise<number> {
  if (command === undefined || command === 'help' || command === '--help' || rest[0] === '--help') {
    process.stdout.write(USAGE);
    return command === undefined ? 2 : 0;
  }
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!run) throw new Error(`there is no command ${command}. Try --help.`);
  return (await run(rest)) ?? 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`lab: ${(error as Error).message}`);
  process.exitCode = 1;
}
