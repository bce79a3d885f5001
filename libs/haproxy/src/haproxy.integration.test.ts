import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { address } from '@fairlead/model';
import {
  addServer,
  addService,
  type Command,
  deleteServer,
  drainServer,
  freeNodeCheck,
  moveService,
  removeService,
  resumeServer,
  useNodeCheck,
} from './commands.ts';
import { observeMaster } from './master.ts';
import { type HaproxyConfig, renderConfig, renderServiceMap } from './render.ts';
import { reloadHaproxy } from './reload.ts';
import type { Server as HaproxyServer } from './server-line.ts';
import { askServerLoad, parseServerLoad } from './server-load.ts';
import { type CommandSocket, openCommandSocket } from './socket.ts';
import { peersMark } from './render-peers.ts';
import { mapValue } from './service-map.ts';
import { slotName } from './names.ts';
import { EXAMPLE } from './testing/example.ts';
import { OPTIONS_EXAMPLE, PROFILES } from './testing/example-options.ts';
import { observeWorker } from './worker.ts';

let directory: string;
let config: HaproxyConfig;
let haproxy: ChildProcess | undefined;
let socket: CommandSocket;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'haproxy-real-'));
  const [catchPort, healthPort] = [21_000 + (process.pid % 10_000), 31_000 + (process.pid % 10_000)];
  const files = { statsSocket: join(directory, 'haproxy.sock'), mapFile: join(directory, 'services.map') };
  config = { ...EXAMPLE, ...files, catchPort, healthPort };
  socket = openCommandSocket(files.statsSocket, 2_000);
});

afterEach(async () => {
  socket.close();
  if (haproxy) {
    const gone = new Promise((resolve) => haproxy!.once('exit', resolve));
    haproxy.kill('SIGTERM');
    await gone;
    haproxy = undefined;
  }
  rmSync(directory, { recursive: true });
});

const file = (): string => join(directory, 'haproxy.cfg');
const masterSocket = (): string => join(directory, 'master.sock');

function write(next: HaproxyConfig, marker: string): void {
  // Binding transparently takes a privilege that this test can do without.
  writeFileSync(file(), renderConfig(next, marker).replaceAll(' transparent', ''));
  writeFileSync(next.mapFile, renderServiceMap(next.backends));
}

async function startHaproxy(): Promise<void> {
  write(config, 'fairlead-1');
  haproxy = spawn('haproxy', ['-W', '-S', masterSocket(), '-f', file()], { stdio: 'ignore' });
  for (let tries = 0; ; tries++) {
    const answers = await socket.run(['show info']).then(
      () => true,
      () => false,
    );
    if (answers) return;
    if (tries > 100) throw new Error('haproxy does not start: is it on the PATH?');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function carryOut(commands: readonly Command[]): Promise<void> {
  const replies = await socket.run(commands.map((command) => command.text));
  for (const [index, { text, success }] of commands.entries()) {
    expect({ text, reply: replies[index] }).toEqual({ text, reply: expect.stringMatching(success) });
  }
}

function server(change: Partial<HaproxyServer> = {}): HaproxyServer {
  return { name: 'tcp0', id: 77, address: address('127.0.0.1'), port: 9, check: { kind: 'none' }, ...change };
}

it('haproxy accepts the rendered file without a warning, from IPv4 to IPv6', () => {
  const both: HaproxyConfig = {
    ...config,
    families: ['ipv4', 'ipv6'],
    backends: [...config.backends, { ...config.backends[1]!, vip: address('fd07::1') }],
  };
  writeFileSync(file(), renderConfig(both));
  writeFileSync(both.mapFile, renderServiceMap(both.backends));
  const checked = spawnSync('haproxy', ['-c', '-f', file()], { encoding: 'utf8' });
  expect({ status: checked.status, said: checked.stderr + checked.stdout }).toEqual({
    status: 0,
    said: 'Configuration file is valid\n',
  });
});

it('haproxy accepts every option without a warning, in the file and at run time', async () => {
  const { catchPort, healthPort, statsSocket, mapFile } = config;
  const peers = { ...OPTIONS_EXAMPLE.peers!, port: catchPort + 1 };
  config = { ...OPTIONS_EXAMPLE, catchPort, healthPort, statsSocket, mapFile, peers };
  write(config, 'fairlead-1');
  const checked = spawnSync('haproxy', ['-c', '-f', file()], { encoding: 'utf8' });
  expect(checked.stderr + checked.stdout).toBe('Configuration file is valid\n');
  await startHaproxy();
  const seen = await observeWorker(socket, mapFile);
  expect([...seen.quotas]).toEqual([['192.168.0.157|100', '7|c0ffee']]);
  expect(seen.backends.has(peersMark(peers))).toBe(true);
  const pace = { intervalMs: 60_000, rise: 2, fall: 3 };
  for (const profile of PROFILES) {
    for (const proxyProtocol of [1, 2] as const) {
      const check = profile.check ? ({ kind: 'http', port: 0, pace } as const) : ({ kind: 'tcp', pace } as const);
      const one = server({ name: `tcp${proxyProtocol}`, id: 70 + proxyProtocol, check, proxyProtocol });
      await carryOut(addServer(slotName(profile, 0), one));
    }
  }
  await carryOut(addService(mapFile, '10.0.0.1|80', mapValue('slot_plain_0', { connections: 3, counter: 'ab' })));
  await carryOut(moveService(mapFile, '10.0.0.1|80', mapValue('slot_plain_0', undefined)));
  expect((await observeWorker(socket, mapFile)).quotas.size).toBe(1);
});

it('what a worker has loaded is seen as it was rendered', async () => {
  await startHaproxy();
  const seen = await observeWorker(socket, config.mapFile);
  expect(seen.info).toMatchObject({ marker: 'fairlead-1', stopping: false });
  expect([...seen.services]).toEqual([
    ['192.168.0.9|443', 'backend_192.168.0.9_443'],
    ['192.168.0.156|6443', 'backend_192.168.0.156_6443'],
    ['192.168.0.157|80', 'backend_192.168.0.157_80'],
  ]);
  const servers = [...seen.backends.get('backend_192.168.0.157_80')!.servers.values()];
  expect(servers.map(({ name, id, address, port }) => [name, id, address, port])).toEqual([
    ['tcp0', 21, '192.168.0.16', 30942],
    ['tcp1', 22, '192.168.0.21', 30942],
    ['tcp2', 23, '192.168.0.18', 30942],
  ]);
  expect(seen.backends.get('slot_plain_2')).toEqual({ servers: new Map() });
});

it('what a server that drains still does is seen by itself', async () => {
  const backend = createServer(() => undefined);
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const { port } = backend.address() as AddressInfo;
  await startHaproxy();
  await carryOut(addServer('slot_plain_0', server({ port })));
  // Not caught by nftables here: the client says by its own address where it wanted to go.
  await carryOut(addService(config.mapFile, `127.0.0.1|${config.catchPort}`, 'slot_plain_0'));
  const client = connect({ host: '127.0.0.1', port: config.catchPort });
  await new Promise((resolve) => backend.once('connection', resolve));
  await carryOut(drainServer('slot_plain_0', 'tcp0'));
  const [reply] = await socket.run([askServerLoad('slot_plain_0')]);
  expect(parseServerLoad(reply!)).toEqual([{ server: 'tcp0', connections: 1, seconds: expect.any(Number) }]);
  expect(() => parseServerLoad('Can not find backend')).toThrow('show stat');
  client.destroy();
  backend.closeAllConnections();
  backend.close();
});

it('a slot is filled, drained, resumed and emptied at run time', async () => {
  await startHaproxy();
  await carryOut(useNodeCheck('nodes_healthz', 'n5', { address: address('127.0.0.1'), port: 9 }));
  const tracked = server({ check: { kind: 'track', backend: 'nodes_healthz', server: 'n5' } });
  await carryOut(addServer('slot_plain_0', tracked));
  await carryOut(addServer('slot_healthz_0', server({ check: { kind: 'http', port: 9 } })));
  await carryOut(addService(config.mapFile, '10.0.0.1|80', 'slot_plain_0'));
  await carryOut(moveService(config.mapFile, '10.0.0.1|80', 'slot_healthz_0'));
  await carryOut(drainServer('slot_plain_0', 'tcp0'));
  const drained = await observeWorker(socket, config.mapFile);
  expect(drained.services.get('10.0.0.1|80')).toBe('slot_healthz_0');
  expect(drained.backends.get('slot_plain_0')!.servers.get('tcp0')).toMatchObject({ id: 77, maintenance: true });
  expect(drained.backends.get('slot_healthz_0')!.servers.get('tcp0')).toMatchObject({ checked: true });
  await carryOut(resumeServer('slot_plain_0', 'tcp0', 'track'));
  const resumed = await observeWorker(socket, config.mapFile);
  expect(resumed.backends.get('slot_plain_0')!.servers.get('tcp0')).toMatchObject({ maintenance: false });
  await carryOut(removeService(config.mapFile, '10.0.0.1|80'));
  await carryOut(drainServer('slot_plain_0', 'tcp0'));
  await carryOut(deleteServer('slot_plain_0', 'tcp0', true));
  await carryOut(deleteServer('slot_plain_0', 'tcp0', true));
  await carryOut(freeNodeCheck('nodes_healthz', 'n5'));
  const emptied = await observeWorker(socket, config.mapFile);
  expect(emptied.backends.get('slot_plain_0')!.servers.size).toBe(0);
  expect(emptied.backends.get('nodes_healthz')!.servers.get('n5')).toMatchObject({ maintenance: true });
});

it('servers that track a node check die and live with it', async () => {
  const healthz: Server = createServer((_, response) => void response.writeHead(200).end());
  await new Promise<void>((resolve) => healthz.listen(0, '127.0.0.1', resolve));
  const { port } = healthz.address() as AddressInfo;
  await startHaproxy();
  await carryOut(useNodeCheck('nodes_healthz', 'n5', { address: address('127.0.0.1'), port }));
  const check = { kind: 'track', backend: 'nodes_healthz', server: 'n5' } as const;
  await carryOut(addServer('slot_plain_0', server({ check })));
  const isUp = async (): Promise<boolean> => {
    const { backends } = await observeWorker(socket, config.mapFile);
    return backends.get('slot_plain_0')!.servers.get('tcp0')!.up;
  };
  await expect.poll(isUp, { timeout: 5_000 }).toBe(true);
  healthz.closeAllConnections();
  await new Promise((resolve) => healthz.close(resolve));
  await expect.poll(isUp, { timeout: 5_000 }).toBe(false);
  const again = createServer((_, response) => void response.writeHead(200).end());
  await new Promise<void>((resolve) => again.listen(port, '127.0.0.1', resolve));
  await expect.poll(isUp, { timeout: 5_000 }).toBe(true);
  again.closeAllConnections();
  await new Promise((resolve) => again.close(resolve));
});

it('a reload is believed only when the new worker shows the new marker', async () => {
  await startHaproxy();
  const target = { masterSocket: masterSocket(), statsSocket: config.statsSocket, timeoutMs: 10_000 };
  const before = (await observeWorker(socket, config.mapFile)).info;
  write({ ...config, backends: config.backends.slice(0, 1) }, 'fairlead-2');
  const worker = await reloadHaproxy(target, 'fairlead-2');
  expect(worker.pid).not.toBe(before.pid);
  socket.close();
  expect((await observeWorker(socket, config.mapFile)).services.size).toBe(1);
  // The master refuses connections while it replaces itself.
  await expect.poll(async () => (await observeMaster(masterSocket(), 2_000)).reloads).toBe(1);
});

it('a file that haproxy refuses is told of, and the old worker goes on', async () => {
  await startHaproxy();
  const target = { masterSocket: masterSocket(), statsSocket: config.statsSocket, timeoutMs: 10_000 };
  writeFileSync(file(), `${readFileSync(file(), 'utf8')}\nnonsense\n`);
  await expect(reloadHaproxy(target, 'fairlead-2')).rejects.toThrow('refused');
  socket.close();
  expect((await observeWorker(socket, config.mapFile)).info.marker).toBe('fairlead-1');
});
