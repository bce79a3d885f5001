import { channel } from 'node:diagnostics_channel';
import type { AddressInfo } from 'node:net';
import { Server, type TLSSocket } from 'node:tls';

/** https://nodejs.org/api/diagnostics_channel.html, "net": told of each server that begins to listen. */
const LISTENING = 'tracing:net.server.listen:asyncEnd';

/**
 * Runs `listen`, which begins to listen with TLS on the port that it answers, and from then on calls back for every
 * handshake there that does not succeed, with a word of OpenSSL's or Node's. grpc-js keeps its server to itself.
 */
export async function countingRefusedHandshakes(
  listen: () => Promise<number>,
  onRefused: (reason: string) => void,
): Promise<number> {
  const servers: Server[] = [];
  const note = (message: unknown): void => {
    const { server } = message as { server?: unknown };
    if (server instanceof Server) servers.push(server);
  };
  const listening = channel(LISTENING);
  listening.subscribe(note);
  try {
    const port = await listen();
    for (const server of servers.filter((each) => (each.address() as AddressInfo | null)?.port === port)) {
      server.on('tlsClientError', (error, socket) => onRefused(reasonOf(error, socket)));
    }
    return port;
  } finally {
    listening.unsubscribe(note);
  }
}

/** A bounded set of words: nothing of it is chosen by the other side. */
function reasonOf(error: Error & { readonly code?: string }, { authorizationError }: TLSSocket): string {
  // A string in fact, when the server is the one who verifies (node:tls, onServerSocketSecure).
  const why: unknown = authorizationError;
  return typeof why === 'string' ? why : (error.code ?? 'UNKNOWN');
}
