import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { explainFailure } from './explain-failure.ts';
import type { HealthSource } from './health.ts';

export interface TelemetrySettings {
  /** `HOST:PORT`; IPv6 in brackets; port 0 takes a free one. */
  readonly listen: string;
  readonly registry: Registry;
  readonly health: HealthSource;
}

export interface TelemetryServer {
  readonly port: number;
  /** Ends open connections too. */
  stop(): Promise<void>;
}

/**
 * Plain HTTP for probes and Prometheus. `/healthz`: 200 as long as the process can answer. `/readyz`: 200, or 503 with
 * one problem a line. `/metrics`: Prometheus text. Rejects when it cannot listen.
 */
export async function startTelemetryServer(settings: TelemetrySettings): Promise<TelemetryServer> {
  const server = createServer((request, response) => {
    answer(settings, request, response).catch((error: unknown) => {
      send(response, 500, `${error instanceof Error ? error.message : 'cannot answer'}\n`);
    });
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 100;
  await listen(server, settings.listen);
  return { port: (server.address() as AddressInfo).port, stop: () => stop(server) };
}

async function answer(settings: TelemetrySettings, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, 405, 'only GET and HEAD\n');
    return;
  }
  switch (new URL(request.url ?? '/', 'http://host').pathname) {
    case '/metrics':
      send(response, 200, await settings.registry.metrics(), settings.registry.contentType);
      return;
    case '/healthz':
      send(response, 200, 'ok\n');
      return;
    case '/readyz': {
      const { healthy, problems } = settings.health.current();
      send(response, healthy ? 200 : 503, healthy ? 'ok\n' : problems.map((problem) => `${problem}\n`).join(''));
      return;
    }
    default:
      send(response, 404, 'try /metrics, /healthz or /readyz\n');
  }
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

async function listen(server: Server, address: string): Promise<void> {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(address);
  if (match === null) throw new Error(`cannot listen on ${JSON.stringify(address)}: write HOST:PORT, IPv6 in brackets`);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(explainFailure(error))));
    const host = match[1] ?? match[2];
    server.listen({ port: Number(match[3]), ...(host ? { host } : {}) }, resolve);
  });
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
