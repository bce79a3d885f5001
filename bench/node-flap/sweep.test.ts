import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { nowNs } from '../machine/protocol.ts';
import { sweep } from './sweep.ts';

const ADDRESSES = ['127.0.0.1', '127.0.0.2'];
const OTHER = 'node-2 saw you';

/** Whoever answers at both addresses. */
async function listen(greet: (socket: Socket) => unknown): Promise<{ addresses: readonly string[]; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    greet(socket);
  }).listen(0, '0.0.0.0');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return { addresses: ADDRESSES, port: (server.address() as AddressInfo).port };
}

it('a node is gone since the last connection that ended there was begun', async () => {
  let name = 'node-1';
  const at = await listen((socket) => socket.end(`${name} saw you`));
  const answer = sweep({ ...at, name: 'node-1', until: 'gone', quietMs: 50 });
  const begunNs = nowNs();
  await sleep(100);
  name = 'node-2';
  const leftNs = nowNs();
  const { ns, attempts, failed } = await answer;
  expect(ns).toBeGreaterThan(begunNs);
  expect(ns).toBeLessThan(leftNs);
  expect(attempts).toBeGreaterThan(10);
  expect(failed).toBe(0);
});

it('a connection that fails, however late, counts as one that ended there', async () => {
  let broken = true;
  const at = await listen((socket) => (broken ? setTimeout(() => socket.destroy(), 700) : socket.end(OTHER)));
  const answer = sweep({ ...at, name: 'node-1', until: 'gone', quietMs: 250 });
  // By now it has been quiet for long enough, were it not for those who wait.
  await sleep(400);
  const waitingNs = nowNs();
  await sleep(100);
  broken = false;
  const mendedNs = nowNs();
  const { ns, failed } = await answer;
  expect(ns).toBeGreaterThan(waitingNs);
  expect(ns).toBeLessThan(mendedNs);
  expect(failed).toBeGreaterThan(1);
});

it('a node is everywhere when it has answered at the last of all addresses', async () => {
  let isBack = false;
  const at = await listen((socket) =>
    socket.end(isBack || socket.localAddress === ADDRESSES[0] ? 'node-1 saw you' : OTHER),
  );
  const answer = sweep({ ...at, name: 'node-1', until: 'everywhere' });
  await sleep(100);
  isBack = true;
  const backNs = nowNs();
  const { ns, failed } = await answer;
  expect(ns).toBeGreaterThan(backNs);
  expect(failed).toBe(0);
});
