import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSocket } from 'node:dgram';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { readProxyHeader } from './proxy-header.ts';

/**
 * Stands for a user's program: answers with its name and the client address it saw.
 * HTTP: any path; /healthz is 200 while it lives, /readyz follows `PUT /ready` with "true" or "false"; /slow?ms=N waits.
 * TCP: a greeting, then every line comes back. --proxy: the same for who begins with a PROXY header, told in the greeting. UDP: every datagram comes back.
 * SIGTERM: unready at once, goes on serving for --linger milliseconds, then takes no more and ends with the last connection.
 */
const { values } = parseArgs({
  options: {
    name: { type: 'string' },
    http: { type: 'string', multiple: true, default: [] },
    tcp: { type: 'string', multiple: true, default: [] },
    udp: { type: 'string', multiple: true, default: [] },
    proxy: { type: 'string', multiple: true, default: [] },
    linger: { type: 'string', default: '2000' },
    unready: { type: 'boolean', default: false },
  },
});
const name = values.name ?? 'echo';
let ready = !values.unready;
let ending = false;
const servers: Server[] = [];
const connections = new Set<Socket>();

function saw(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${name} saw ${socket.remoteAddress?.replace('::ffff:', '')}:${socket.remotePort}`;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://echo');
  if (ending) response.setHeader('connection', 'close');
  if (pathname === '/healthz') return reply(response, 200, 'ok');
  if (pathname === '/readyz') return reply(response, ready ? 200 : 503, ready ? 'ready' : 'not ready');
  if (pathname === '/ready' && request.method === 'PUT') {
    request.setEncoding('utf8').once('data', (body: string) => {
      ready = body.trim() === 'true' && !ending;
      reply(response, 200, String(ready));
    });
    return;
  }
  const wait = pathname === '/slow' ? Number(searchParams.get('ms') ?? 1000) : 0;
  response.setHeader('x-echo-name', name);
  const text = saw(request.socket);
  if (wait > 0) setTimeout(() => reply(response, 200, text), wait);
  else reply(response, 200, text);
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) + 1 });
  response.end(`${text}\n`);
}

function converse(socket: Socket, greeting = saw(socket), begun = ''): void {
  socket.on('error', () => socket.destroy());
  socket.write(`${greeting}\n`);
  let rest = begun;
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-65_536);
    for (const line of lines) socket.write(`${name} ${line}\n`);
  });
}

/** Speaks only with who says first, by the PROXY protocol, for whom he speaks; who does not is cut off. */
function listenToHeader(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  let bytes = Buffer.alloc(0);
  const read = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header === 'more') return;
    socket.off('data', read);
    if (header === undefined) socket.destroy();
    else converse(socket, `${saw(socket)} for ${header.client} by ${header.version}`, header.rest);
  };
  socket.on('data', read);
}

function track(server: Server): Server {
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  servers.push(server);
  return server;
}

process.on('SIGTERM', () => {
  if (ending) return;
  ending = true;
  ready = false;
  setTimeout(() => {
    for (const server of servers) {
      server.close();
      if ('closeIdleConnections' in server) (server.closeIdleConnections as () => void)();
    }
    setInterval(() => {
      if (connections.size === 0) process.exit(0);
    }, 10);
  }, Number(values.linger));
});

for (const port of values.http) {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, answer);
  track(server).listen(Number(port), '::');
}
for (const port of values.tcp) track(createTcpServer((socket) => converse(socket))).listen(Number(port), '::');
for (const port of values.proxy) track(createTcpServer(listenToHeader)).listen(Number(port), '::');
for (const port of values.udp) {
  const socket = createSocket('udp6');
  socket.on('message', (message, from) => {
    socket.send(
      `${saw({ remoteAddress: from.address, remotePort: from.port })}: ${message.toString()}`,
      from.port,
      from.address,
    );
  });
  socket.bind(Number(port), '::');
}
