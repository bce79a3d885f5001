import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { dial } from './dial.ts';

const never = new AbortController().signal;
const host = '127.0.0.1';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function listening(): Promise<{ port: number; count: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return { port: (server.address() as AddressInfo).port, count: () => connections };
}

/** A port whose owner accepts nothing, and with a full queue, so that the kernel drops who knocks, as a cut cable would. */
async function deaf(): Promise<{ port: number; hear: () => void }> {
  const memory = new Int32Array(new SharedArrayBuffer(4));
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const server = require('node:net').createServer((socket) => socket.on('error', () => undefined).resume());
    server.listen({ port: 0, host: '${host}', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(workerData, 0, 0);
    });`;
  const worker = new Worker(source, { eval: true, workerData: memory });
  const hear = (): void => {
    Atomics.store(memory, 0, 1);
    Atomics.notify(memory, 0);
  };
  cleanups.push(async () => {
    hear();
    await worker.terminate();
  });
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  for (let filled = true; filled;) {
    const socket = connect({ host, port }).on('error', () => undefined);
    cleanups.push(() => socket.destroy());
    const connected = new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true)));
    filled = await Promise.race([connected, sleep(200, false)]);
  }
  return { port, hear };
}

const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

describe('dialling', () => {
  it('gives the connection, and makes no second one', async () => {
    const { port, count } = await listening();
    const socket = await dial({ host, port }, never, 20);
    await sleep(80);
    expect(count()).toBe(1);
    socket.destroy();
  });

  it('fails at once when nobody listens', async () => {
    const { port } = await listening();
    await cleanups.pop()!();
    await expect(dial({ host, port }, never)).rejects.toThrow('ECONNREFUSED');
  });

  it('tries beside an attempt that hangs, and gives up the others when one stands', async () => {
    const { port, hear } = await deaf();
    const before = sockets();
    const dialling: Promise<Socket> = dial({ host, port }, never, 50);
    await expect.poll(sockets).toBeGreaterThan(before + 2);
    hear();
    (await dialling).destroy();
    await expect.poll(sockets).toBeLessThanOrEqual(before);
  });

  it('leaves no attempt behind when it is told to end', async () => {
    const { port } = await deaf();
    const before = sockets();
    const giveUp = new AbortController();
    const dialling = dial({ host, port }, giveUp.signal, 20);
    await expect.poll(sockets).toBeGreaterThan(before + 2);
    giveUp.abort();
    await expect(dialling).rejects.toThrow('given up');
    await expect.poll(sockets).toBe(before);
  });
});
