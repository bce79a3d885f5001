import { mkdirSync } from 'node:fs';
import { connect, createServer, type ServerOpts, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { serveControl } from './control-session.ts';
import { handlersOn } from './handlers.ts';
import { Hosts, WIRE } from './hosts.ts';
import { missingFeatures } from './kernel.ts';
import { makeBridge } from './links.ts';
import { Processes } from './processes.ts';
import { diskOf } from './protocol.ts';

/** Runs in the lab's namespaces, with the lab's directory and the address of the wire as arguments. */
async function main([directory = '', wireAddress = '']: readonly string[]): Promise<void> {
  // The gateway's end of this pipe closes when it dies, whatever the reason.
  process.stdin.on('close', () => process.exit(0)).resume();
  mkdirSync(`${diskOf(WIRE)}/var/log`, { recursive: true });
  const missing = await missingFeatures();
  if (missing.length > 0) {
    process.stderr.write(`${missing.join('\n')}\n`);
    process.exit(1);
  }
  await makeBridge(wireAddress);
  const hosts = new Hosts(basename(directory));
  const handlers = handlersOn(hosts, new Processes(hosts));
  await listen(join(directory, 'forward.sock'), { allowHalfOpen: true }, forward);
  await listen(join(directory, 'control.sock'), {}, (socket) => serveControl(socket, handlers, hosts));
  process.stdout.write('ready\n');
}

function listen(path: string, options: ServerOpts, serve: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    createServer(options, serve).once('error', reject).listen(path, resolve);
  });
}

/** First line: where to, as ADDRESS:PORT; from then on it is a pipe to there. */
function forward(from: Socket): void {
  from.on('error', () => from.destroy());
  from.once('data', (first: Buffer) => {
    const end = first.indexOf('\n');
    const [host, port] = first.subarray(0, end).toString().split(':');
    const to = connect({ host: host ?? '', port: Number(port), allowHalfOpen: true });
    to.on('error', () => from.destroy());
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
    if (end + 1 < first.length) to.write(first.subarray(end + 1));
    from.pipe(to).pipe(from);
  });
}

await main(process.argv.slice(2));
