import { connect } from 'node:net';

/**
 * Connections that stay: COUNT of them to HOST PORT, each with a request every EVERY ms, from the namespace it is started
 * in. For each line on its input it prints one object of JSON: what was seen so far, and starts counting anew.
 */
const [host = '', port = '0', count = '1', every = '10'] = process.argv.slice(2);

/** What became of the connections. */
export interface Held {
  readonly open: number;
  readonly broken: readonly string[];
  readonly answers: number;
  /** Longest time between two answers on one connection. */
  readonly longestMs: number;
  /** Who answered. */
  readonly machines: readonly string[];
}

let answers = 0;
let longestMs = 0;
const broken: string[] = [];
const machines = new Set<string>();
const open = new Set<number>();

for (let index = 0; index < Number(count); index++) hold(index);

function hold(index: number): void {
  const socket = connect({ host, port: Number(port), noDelay: true }, () => {
    open.add(index);
    setInterval(() => socket.write('GET / HTTP/1.1\r\nhost: vip\r\n\r\n'), Number(every)).unref();
  });
  let last: number | undefined;
  socket.on('data', (data) => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - (last ?? now));
    last = now;
    for (const [, name] of data.toString().matchAll(/\r\n\r\n(lb-\d)/g)) {
      answers += 1;
      machines.add(name!);
    }
  });
  socket.on('error', (error: NodeJS.ErrnoException) => broken.push(error.code ?? error.message));
  socket.on('close', (hadError) => {
    open.delete(index);
    if (!hadError) broken.push('closed');
  });
}

process.stdin.on('data', () => {
  const held: Held = {
    open: open.size,
    broken: broken.splice(0),
    answers,
    longestMs: Math.round(longestMs),
    machines: [...machines].sort(),
  };
  answers = 0;
  longestMs = 0;
  machines.clear();
  process.stdout.write(`${JSON.stringify(held)}\n`);
});
