import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { socketControl } from './unit-control.ts';

/** Something that answers on a socket as it is told, and what it was asked. */
async function listen(answer: (socket: Socket) => void): Promise<{ path: string; asked: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'units-'));
  const path = join(directory, 'sock');
  const asked: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('data', (text) => {
      asked.push(text.toString());
      answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { path, asked };
}

it('asks in one line, and gives what systemctl said', async () => {
  const { path, asked } = await listen((socket) => void socket.end('0\nMainPID=17\n'));
  expect(await socketControl(path)('show', 'haproxy.service')).toEqual({ code: 0, stdout: 'MainPID=17\n', stderr: '' });
  expect(asked).toEqual(['show haproxy.service\n']);
});

it('gives what systemctl complained of', async () => {
  const { path } = await listen((socket) => void socket.end('5\nUnit haproxy.service not found.\n'));
  const answer = await socketControl(path)('start', 'haproxy.service');
  expect(answer).toEqual({ code: 5, stdout: '', stderr: 'Unit haproxy.service not found.\n' });
});

it.each([
  ['nothing', (socket: Socket) => void socket.end(), 'not an answer to "start haproxy.service": ""'],
  ['nonsense', (socket: Socket) => void socket.end('what?\n'), 'not an answer to "start haproxy.service": "what?\\n"'],
  ['silence', () => undefined, 'no answer to "start haproxy.service" within 50 ms'],
])('takes %s for a failure, and says which unit to look at', async (_, answer, message) => {
  const { path } = await listen(answer);
  const { code, stderr } = await socketControl(path)('start', 'haproxy.service', 50);
  expect(code).toBe(-1);
  expect(stderr).toContain(message);
  expect(stderr).toContain('lbagent-units.socket');
});

it('says that nobody listens', async () => {
  const { code, stderr } = await socketControl('/nowhere/sock')('start', 'haproxy.service');
  expect(code).toBe(-1);
  expect(stderr).toMatch(/ENOENT.*is lbagent-units.socket running\?/);
});
