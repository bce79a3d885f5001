import { createServer, type Server, Socket } from 'node:net';

/** A way to a port of loopback that a test can disturb. */
export interface TcpProxy {
  readonly port: number;
  /** `silent`: connections stay open and nothing passes any more, as on a broken network. */
  mode: 'pass' | 'silent' | 'refuse';
  /** Breaks every connection with a reset. */
  reset(): void;
  readonly connections: number;
  stop(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  const server: Server = createServer((client) => {
    if (proxy.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const target = new Socket().connect(targetPort, '127.0.0.1');
    const pair = [client, target] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [target, client] as const]) {
      from.on('data', (chunk) => proxy.mode === 'pass' && to.write(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        pairs.delete(pair);
        if (proxy.mode !== 'silent') to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: TcpProxy = {
    port: (server.address() as { port: number }).port,
    mode: 'pass',
    get connections() {
      return pairs.size;
    },
    reset() {
      for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    },
    async stop() {
      for (const pair of pairs) for (const socket of pair) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
