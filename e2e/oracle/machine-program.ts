import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { MachineText } from './read-machine.ts';

/** Runs on an LB machine: prints what is there (MachineText) as it stands. Arguments: directory of haproxy.cfg, run directory. */
async function main([haproxy = '', run = '']: readonly string[]): Promise<void> {
  const map = `${haproxy}/services.map`;
  const socket = `${run}/haproxy.sock`;
  const [runningMap, serversState] = await Promise.all([
    ask(socket, `show map ${map}`),
    ask(socket, 'show servers state'),
  ]);
  const text: MachineText = {
    links: tell('ip', ['-j', 'address', 'show']),
    nftables: tell('nft', ['-j', 'list', 'table', 'inet', 'fairlead']),
    map: read(map),
    config: read(`${haproxy}/haproxy.cfg`),
    ...(runningMap === undefined || serversState === undefined ? {} : { running: { map: runningMap, serversState } }),
    haproxyPids: pidsOf('haproxy'),
  };
  process.stdout.write(JSON.stringify(text));
}

function tell(program: string, argv: readonly string[]): string {
  try {
    return execFileSync(program, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 });
  } catch {
    return '';
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Undefined: nobody answers. */
function ask(path: string, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const parts: string[] = [];
    socket.setEncoding('latin1').on('data', (part: string) => parts.push(part));
    socket.setTimeout(3_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', () => resolve(undefined));
    socket.on('end', () => resolve(parts.join('')));
    socket.write(`${command}\n`);
  });
}

/** Of this machine alone: a network namespace stands for one. */
function pidsOf(program: string): number[] {
  const own = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === program && readlinkSync(`/proc/${pid}/ns/net`) === own
        );
      } catch {
        return false;
      }
    })
    .map(Number)
    .sort((a, b) => a - b);
}

await main(process.argv.slice(2));
