import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * A worker node: NAME. Lines on standard input say what it does: `{"serve":PORT}` says its name to every connection and
 * echoes what it hears; `{"health":PORT,"status":503}` answers HTTP so; `{"close":PORT}` refuses from then on.
 */
const name = process.argv[2]!;
const servers = new Map<number, Server | HttpServer>();
const status = new Map<number, number>();

async function listen(port: number, server: Server | HttpServer): Promise<void> {
  servers.set(port, server);
  await new Promise<void>((resolve) => server.listen(port, resolve));
}

interface Request {
  readonly serve?: number;
  readonly health?: number;
  readonly status?: number;
  readonly close?: number;
}

async function carryOut({ serve, health, close, ...rest }: Request): Promise<void> {
  if (serve !== undefined) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(`${name}\n`);
      socket.pipe(socket);
    });
    await listen(serve, server);
  }
  if (health !== undefined) {
    status.set(health, rest.status ?? 200);
    if (!servers.has(health)) {
      const server = createHttpServer((_, response) => void response.writeHead(status.get(health)!).end());
      await listen(health, server);
    }
  }
  if (close !== undefined) {
    servers.get(close)?.close();
    servers.delete(close);
  }
}

console.log('{}');
for await (const line of createInterface(process.stdin)) {
  await carryOut(JSON.parse(line) as Request);
  console.log('{}');
}
process.exit(0);
