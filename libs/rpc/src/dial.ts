import type { ChannelOptions } from '@grpc/grpc-js';
import { Http2SubchannelConnector } from '@grpc/grpc-js/build/src/transport.js';
import { connect, type NetConnectOpts, type Socket } from 'node:net';

/** The kernel asks again after 1, 3 and 7 s (RFC 6298, 2.1): for a machine that is back for a second, that is late. */
const AGAIN_MS = 1_000;

/**
 * A TCP connection. Another attempt is made beside those under way every second, because nobody tells those that the
 * other side has come back; the first that stands is taken. Rejects when one fails or the signal aborts, and leaves no
 * socket behind then.
 */
export function dial(address: NetConnectOpts, signal: AbortSignal, againMs = AGAIN_MS): Promise<Socket> {
  const attempts = new Set<Socket>();
  return new Promise<Socket>((resolve, reject) => {
    const attempt = (): void => {
      const socket = connect(address);
      attempts.add(socket);
      socket.once('error', over);
      socket.once('connect', () => {
        socket.off('error', over);
        attempts.delete(socket);
        stop();
        resolve(socket);
      });
    };
    const again = setInterval(attempt, againMs);
    const stop = (): void => {
      clearInterval(again);
      signal.removeEventListener('abort', aborted);
      for (const socket of attempts) socket.on('error', () => undefined).destroy();
    };
    const over = (error: Error): void => {
      stop();
      reject(error);
    };
    const aborted = (): void => over(new Error('given up'));
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
    else attempt();
  });
}

type Connect = Http2SubchannelConnector['connect'];
interface Dialling {
  tcpConnect(address: NetConnectOpts, options: ChannelOptions): Promise<Socket>;
}

let isInstalled = false;

/**
 * Lets grpc-js connect by {@link dial}, and closes what an attempt has opened when it fails or takes too long: by itself
 * it leaves a socket for every attempt to reach a machine that is cut off, for the two minutes that the kernel tries.
 */
export function dialPatiently(): void {
  if (isInstalled) return;
  isInstalled = true;
  const { prototype } = Http2SubchannelConnector;
  // oxlint-disable-next-line typescript/unbound-method -- it is called on what it belongs to
  const inner: Connect = prototype.connect;
  prototype.connect = async function connectPatiently(...[address, secureConnector, options]: Parameters<Connect>) {
    const failed = new AbortController();
    const opened: Socket[] = [];
    Object.assign(this, {
      tcpConnect: async (to) => {
        const socket = await dial(to, failed.signal);
        opened.push(socket);
        return socket;
      },
    } satisfies Dialling);
    try {
      return await inner.call(this, address, secureConnector, options);
    } catch (error) {
      failed.abort();
      for (const socket of opened) socket.destroy();
      throw error;
    }
  };
}
