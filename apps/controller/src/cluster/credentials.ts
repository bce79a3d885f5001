import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '@fairlead/control-loop';
import type { KubeConfig } from '@kubernetes/client-node';

/** Tokens and certificates that are files get replaced while we run: look again after so long. */
const CREDENTIALS_MS = 10_000;

/** How to speak to the API server now. */
export interface Connection {
  readonly agent: http.Agent;
  readonly headers: Readonly<Record<string, string>>;
}

/** Keeps connections alive, and makes new ones when the kubeconfig's certificates change; tokens are read anew too. */
export function credentialSource(
  kubeConfig: KubeConfig,
  base: URL,
  clock: Clock,
): { current(): Promise<Connection>; close(): void } {
  let connection: Connection | undefined;
  let material = '';
  let readAt = 0;

  async function read(): Promise<Connection> {
    const options: https.RequestOptions = {};
    // Its agent is made anew when a certificate changes, which client-node does not do.
    await kubeConfig.applyToHTTPSOptions(options);
    const tls = {
      ca: options.ca,
      cert: options.cert,
      key: options.key,
      servername: options.servername,
      rejectUnauthorized: options.rejectUnauthorized,
    };
    const fingerprint = JSON.stringify(Object.values(tls).map(String));
    const headers = headersOf(options);
    if (connection !== undefined && fingerprint === material) return { agent: connection.agent, headers };
    connection?.agent.destroy();
    material = fingerprint;
    const pool = {
      keepAlive: true,
      keepAliveMsecs: 15_000,
      maxSockets: 64,
      maxFreeSockets: 16,
      scheduling: 'lifo' as const,
    };
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const agent = base.protocol === 'http:' ? new http.Agent(pool) : new https.Agent({ ...pool, ...given });
    return { agent, headers };
  }

  return {
    async current() {
      if (connection === undefined || clock.now() - readAt > CREDENTIALS_MS) {
        connection = await read();
        readAt = clock.now();
      }
      return connection;
    },
    close() {
      connection?.agent.destroy();
    },
  };
}

function headersOf(options: https.RequestOptions): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === 'string') headers[name] = value;
  }
  if (typeof options.auth === 'string')
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers;
}
