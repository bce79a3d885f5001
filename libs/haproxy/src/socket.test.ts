import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCommandSocket } from './socket.ts';

let directory: string;
let path: string;
let server: Server;
let connections: Socket[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'haproxy-socket-'));
  path = join(directory, 'sock');
  connections = [];
});

afterEach(async () => {
  for (const connection of connections) connection.destroy();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

/** As haproxy answers in prompt mode: each line by itself, in as many pieces as it likes. */
async function serve(reply: (command: string) => string | undefined): Promise<void> {
  server = createServer((socket) => {
    connections.push(socket);
    let rest = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const lines = `${rest}${data.toString()}`.split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const text = line === 'prompt' ? '\n> ' : reply(line);
        for (const char of text ?? '') socket.write(char);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

it('each command gets its own reply, in order, however they are cut', async () => {
  await serve((command) => `you said ${command}\nwell\n\n> `);
  const socket = openCommandSocket(path, 1_000);
  expect(await socket.run(['a', 'b'])).toEqual(['you said a\nwell', 'you said b\nwell']);
  expect(await socket.run([])).toEqual([]);
  expect(await Promise.all([socket.run(['c']), socket.run(['d'])])).toEqual([
    ['you said c\nwell'],
    ['you said d\nwell'],
  ]);
  expect(connections).toHaveLength(1);
  socket.close();
});

it('many commands go in batches and lose nothing', async () => {
  await serve((command) => `${command}\n> `);
  const socket = openCommandSocket(path, 1_000);
  const commands = Array.from({ length: 2_000 }, (_, index) => `enable server slot_plain_${index}/tcp0`);
  expect(await socket.run(commands)).toEqual(commands);
  socket.close();
});

it('silence is an error that says so, and the next question opens a new connection', async () => {
  await serve((command) => (command === 'hang' ? undefined : 'fine\n> '));
  const socket = openCommandSocket(path, 50);
  await expect(socket.run(['hang'])).rejects.toThrow('did not answer');
  expect(await socket.run(['ping'])).toEqual(['fine']);
  expect(connections).toHaveLength(2);
  socket.close();
});

it('a worker that hangs up is asked anew over another connection', async () => {
  await serve(() => 'fine\n> ');
  const socket = openCommandSocket(path, 1_000);
  await socket.run(['ping']);
  connections[0]!.destroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await socket.run(['ping'])).toEqual(['fine']);
  socket.close();
});

it('what is not exactly one command is never sent', async () => {
  const heard: string[] = [];
  await serve((command) => {
    heard.push(command);
    return '\n> ';
  });
  const socket = openCommandSocket(path, 1_000);
  for (const command of ['a;b', 'a\nb', 'a\\b', 'payload <<', '', 'ü', `x${'y'.repeat(15_000)}`]) {
    await expect(socket.run([command])).rejects.toThrow('not one run-time command');
  }
  expect(heard).toEqual([]);
  socket.close();
});
