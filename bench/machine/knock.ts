import { connect } from 'node:net';
import { type KnockAnswer, type KnockOrder, nowNs } from './protocol.ts';

const PATIENCE_MS = 120_000;
/** An attempt that takes longer has failed. */
export const ATTEMPT_MS = 3_000;

/** Connects again and again until it is greeted as ordered; throws after two minutes. */
export function knock({ address, port, name, everyMs }: KnockOrder): Promise<KnockAnswer> {
  return new Promise((resolve, reject) => {
    const deadline = performance.now() + PATIENCE_MS;
    let attempts = 0;
    let failed = 0;
    let over = false;
    const end = (finish: () => void) => {
      over = true;
      finish();
    };
    const next = () => {
      if (over) return;
      if (performance.now() > deadline) {
        const sought = name === undefined ? 'answers' : `answers as ${name}`;
        return end(() => reject(new Error(`nobody ${sought} at ${address}:${port}: ${failed} of ${attempts} failed`)));
      }
      attempts += 1;
      if (everyMs !== undefined) setTimeout(next, everyMs);
      greetOnce(address, port, (greeting) => {
        if (greeting === undefined) failed += 1;
        else if (!over && (name === undefined || greeting.startsWith(`${name} `))) {
          const answeredNs = nowNs();
          end(() => resolve({ answeredNs, name: greeting.split(' ')[0]!, attempts, failed }));
        }
        // A pause, so that the client leaves a core for what it waits for.
        if (everyMs === undefined) setTimeout(next, 1);
      });
    };
    next();
  });
}

/** What an echo program says first; undefined when the connection ends without a word. */
export function greetOnce(host: string, port: number, done: (greeting: string | undefined) => void): void {
  const socket = connect({ host, port, noDelay: true });
  let over = false;
  const finish = (greeting: string | undefined) => {
    if (over) return;
    over = true;
    socket.destroy();
    done(greeting);
  };
  socket.setTimeout(ATTEMPT_MS, () => finish(undefined));
  socket.on('data', (data) => finish(data.toString()));
  socket.on('error', () => finish(undefined));
  socket.on('close', () => finish(undefined));
}
