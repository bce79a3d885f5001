import { spawn } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { removeGroups } from './booted/cgroups.ts';
import { sleep } from './command.ts';
import type { GatewayOptions, GatewayState } from './gateway-options.ts';
import { insideNamespaces } from './namespaces.ts';
import { claim } from './directories.ts';

/**
 * The lab's anchor on this machine: keeps the namespaces alive, and carries TCP from this machine's loopback into them.
 * It dies with the namespaces and they die with it; when `bound` it also ends with its standard input.
 */
async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '') as GatewayOptions;
  const { directory } = options;
  const note = (text: string) =>
    appendFileSync(join(directory, 'gateway.log'), `${new Date().toISOString()} ${text}\n`);
  claim(directory);

  const supervisor = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, 'supervisor.ts'),
  ];
  const [program, ...rest] = insideNamespaces([...supervisor, directory, options.wireAddress]);
  const child = spawn(program!, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, PATH: options.path } });
  const finish = async (code: number) => {
    for (let tries = 0; tries < 200 && !removeGroups(basename(directory)); tries++) await sleep(10);
    rmSync(directory, { recursive: true, force: true });
    process.exit(code);
  };
  const end = () => {
    child.kill('SIGKILL');
  };
  const said: string[] = [];
  child.stderr.on('data', (data: Buffer) => {
    if (said.length < 50) said.push(data.toString());
    note(data.toString().trim());
  });
  let ready = false;
  child.on('error', (error) => said.push(error.message));
  child.on('close', (code, signal) => {
    if (!ready)
      tell({ error: whyNot(said.join('').trim() || `the namespaces ended with ${signal ?? `code ${code}`}`) });
    void finish(ready ? 0 : 1);
  });
  child.stdin.on('error', () => undefined);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  if (options.bound) process.stdin.on('close', end).resume();
  process.stdout.on('error', () => undefined);

  await new Promise((resolve) => child.stdout.once('data', resolve));
  const ports: Record<string, number> = {};
  for (const { name, address, port } of options.forwards) {
    ports[name] = await carry(join(directory, 'forward.sock'), `${address}:${port}`);
  }
  ready = true;
  tell({ ports, unsharePid: child.pid ?? 0 });
}

function whyNot(said: string): string {
  if (process.getuid?.() === 0 || !/unshare|mount|denied|not permitted/.test(said)) return said;
  return `${said}. Without root a lab needs user namespaces: allow them (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or run it as root`;
}

function tell(state: GatewayState): void {
  process.stdout.write(`${JSON.stringify(state)}\n`);
}

/** Listens on a free port of this machine's loopback; every connection goes on to `target` in the lab. */
async function carry(through: string, target: string): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (outside) => {
    const inside = connect({ path: through, allowHalfOpen: true });
    inside.write(`${target}\n`);
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
    outside.pipe(inside).pipe(outside);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

await main();
