import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runOrThrow } from '../processes/run.ts';

/** Inside namespaces of its own: a machine with link eth0 at 10.9.0.11/24, and hosts behind that link. */
export interface Network {
  /** Runs a program on a host until the end of the test. */
  start(host: string, argv: readonly string[]): Promise<Peer>;
}

/** A program that answers each line of JSON with one. */
export interface Peer {
  ask(request: unknown): Promise<unknown>;
  readonly pid: number;
}

/** Hosts by name, with their address in 10.9.0.0/24. */
export async function createNetwork(hosts: Readonly<Record<string, string>>): Promise<Network> {
  const ip = (...args: string[]): Promise<string> => runOrThrow(['ip', ...args]);
  await runOrThrow(['mkdir', '-p', '/run/netns']);
  // In a namespace of its own: where br_netfilter is loaded, a bridge takes tproxy's packets through prerouting too early.
  await ip('netns', 'add', 'switch');
  await ip('-n', 'switch', 'link', 'add', 'br0', 'up', 'type', 'bridge');
  await ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'machine', 'netns', 'switch');
  await ip('-n', 'switch', 'link', 'set', 'machine', 'master', 'br0', 'up');
  await ip('addr', 'add', '10.9.0.11/24', 'dev', 'eth0');
  await ip('link', 'set', 'eth0', 'up');
  for (const [name, address] of Object.entries(hosts)) {
    await ip('netns', 'add', name);
    await ip('-n', 'switch', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('-n', 'switch', 'link', 'set', name, 'master', 'br0', 'up');
    await ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  return { start };
}

function start(host: string, argv: readonly string[]): Promise<Peer> {
  const child = spawn('ip', ['netns', 'exec', host, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  const waiting: ((answer: unknown) => void)[] = [];
  lines.on('line', (line) => waiting.shift()?.(JSON.parse(line)));
  const answer = (): Promise<unknown> => new Promise((resolve) => waiting.push(resolve));
  const peer: Peer = {
    pid: child.pid!,
    ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return answer();
    },
  };
  // Its first line says that it is ready.
  return answer().then(() => peer);
}

/** A worker node: answers on every port it is told to, and by HTTP on its health ports. */
export function nodeProgram(name: string): readonly string[] {
  return [process.execPath, '--no-warnings', join(import.meta.dirname, 'node.fixture.ts'), name];
}

export function clientProgram(): readonly string[] {
  return [process.execPath, '--no-warnings', join(import.meta.dirname, 'client.fixture.ts')];
}
