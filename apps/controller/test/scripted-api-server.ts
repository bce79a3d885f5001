import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { systemClock } from '@fairlead/control-loop';
import { KubeConfig } from '@kubernetes/client-node';
import type { Api } from '../src/cluster/api.ts';
import { openApi } from '../src/cluster/api.ts';

/** An HTTP server that answers like a script says, and an `Api` that speaks to it. */
export interface ScriptedApiServer {
  readonly api: Api;
  /** Path and query of every request so far. */
  readonly requests: URL[];
  answer: (url: URL, response: ServerResponse, request: IncomingMessage) => void;
  stop(): Promise<void>;
}

export async function startScriptedApiServer(): Promise<ScriptedApiServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    scripted.requests.push(url);
    scripted.answer(url, response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const kubeConfig = new KubeConfig();
  // client-node wants to hear that a connection without TLS is meant.
  kubeConfig.loadFromClusterAndUser(
    { name: 'scripted', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'nobody' },
  );
  const api = openApi(kubeConfig, systemClock);
  const scripted: ScriptedApiServer = {
    api,
    requests: [],
    answer: (_url, response) => json(response, 404, { message: 'not in the script' }),
    async stop() {
      api.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return scripted;
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** A page of a list, with what is needed to ask for the next. */
export function page(names: readonly string[], version: string, more = ''): unknown {
  return { metadata: { resourceVersion: version, continue: more }, items: names.map((name) => thing(name, version)) };
}

export function thing(name: string, version: string): unknown {
  return { metadata: { name, resourceVersion: version, managedFields: [{ manager: 'somebody' }] } };
}

export function sendEvent(response: ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}
