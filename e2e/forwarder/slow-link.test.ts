import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { expect, test } from 'vitest';
import { startSlowLink } from './slow-link.ts';

test('what is said arrives whole, in order, and late; and so does the end', async () => {
  const echo = await listening(createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)));
  const target = { host: '127.0.0.1', port: portOf(echo) };
  const link = await startSlowLink({ listen: { host: '127.0.0.1', port: 0 }, target, delayMs: 50 });
  try {
    const began = performance.now();
    const words = Array.from({ length: 100 }, (_, index) => `${index}\n`);
    const heard = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(portOf(link), '127.0.0.1', () => {
        for (const word of words) socket.write(word);
        socket.end();
      });
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.on('error', reject).on('close', () => resolve(text));
    });
    expect(heard).toBe(words.join(''));
    expect(performance.now() - began).toBeGreaterThan(99);
  } finally {
    for (const server of [link, echo]) await new Promise((resolve) => server.close(resolve));
  }
});

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
