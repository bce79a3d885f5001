import { connect } from 'node:net';
import type { Answer } from './observation.ts';

/**
 * Runs on a client: reads a list of {address, port} as JSON, opens a connection to each and prints who answered (Answer).
 * Good for echo programs by HTTP or lines of TCP, and for whatever says something when it is spoken to.
 */
const AT_ONCE = 64;
const DEADLINE_MS = 2_000;

type Endpoint = Pick<Answer, 'address' | 'port'>;

async function main(): Promise<void> {
  const parts: string[] = [];
  for await (const part of process.stdin.setEncoding('utf8')) parts.push(part as string);
  const endpoints = JSON.parse(parts.join('')) as Endpoint[];
  const answers: Answer[] = [];
  const worker = async (): Promise<void> => {
    for (let next = endpoints.shift(); next !== undefined; next = endpoints.shift()) answers.push(await ask(next));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  process.stdout.write(JSON.stringify(answers));
}

function ask({ address, port }: Endpoint): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let heard = '';
    const end = (why: string): void => {
      clearTimeout(deadline);
      socket.destroy();
      const by = /(?:^|\n)(\S+) saw \S+/.exec(heard)?.[1] ?? (heard === '' ? undefined : 'something');
      resolve({ address, port, ...(by === undefined ? { failure: why } : { by }) });
    };
    const deadline = setTimeout(() => end('timeout'), DEADLINE_MS);
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on('close', () => end('closed without an answer'));
    socket.setEncoding('latin1').on('data', (text: string) => {
      heard += text;
      if (/(^|\n)\S+ saw \S+\n/.test(heard)) end('');
    });
    socket.write(`GET / HTTP/1.1\r\nhost: ${address}\r\nconnection: close\r\n\r\n`);
  });
}

await main();
