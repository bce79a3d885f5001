import { Agent, createServer, request as forward } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { effectOn, statusBody } from './rules.ts';
import type { Effect, Rule, SeenRequest } from './protocol.ts';

export interface ApiForwarderSettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly target: { readonly host: string; readonly port: number };
  /** PEM, of the API server itself: certificate and what signed it, and the key. */
  readonly certificate: string;
  readonly key: string;
}

/** Stands between a client and the Kubernetes API server, sees every request, and disturbs as it is told. */
export interface ApiForwarder {
  readonly requests: readonly SeenRequest[];
  use(rules: readonly Rule[]): void;
  /** Returns how many watches are to be cut. */
  cut(): number;
  /** Returns how many watches were ended. */
  expire(): number;
  /** Returns how many watches are silent from now on. */
  silence(path: string): number;
}

interface OpenWatch {
  readonly seen: SeenRequest;
  readonly response: ServerResponse;
  readonly upstream: IncomingMessage;
  toBeCut: boolean;
  silent: boolean;
}

/** Resolves when it listens. */
export async function startApiForwarder(settings: ApiForwarderSettings): Promise<ApiForwarder> {
  const { certificate, key, listen, target } = settings;
  const began = performance.now();
  const requests: SeenRequest[] = [];
  const watches = new Set<OpenWatch>();
  let rules: readonly Rule[] = [];
  const agent = new Agent({ keepAlive: true, ca: certificate, servername: 'kubernetes.default.svc' });

  function take(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'https://forwarder');
    const version = url.searchParams.get('resourceVersion');
    const seen: SeenRequest = {
      at: Math.round(performance.now() - began),
      method: request.method ?? '',
      path: url.pathname,
      watch: url.searchParams.has('watch'),
      status: 0,
      ...(version === null ? {} : { version }),
    };
    requests.push(seen);
    const effect = effectOn(seen, rules);
    if (effect === undefined) pass(seen, request, response);
    else if (effect.kind === 'answer') answer(seen, effect, response);
  }

  function pass(seen: SeenRequest, request: IncomingMessage, response: ServerResponse): void {
    const { method, url, headers } = request;
    // Whoever goes away without a word is no concern of the others.
    for (const stream of [request, response]) stream.on('error', () => undefined);
    const asking = forward({ ...target, agent, method, path: url, headers }, (upstream) => {
      seen.status = upstream.statusCode ?? 0;
      response.writeHead(seen.status, upstream.headers);
      if (seen.watch && seen.status === 200) relay({ seen, response, upstream, toBeCut: false, silent: false });
      else upstream.pipe(response);
    });
    asking.on('error', () => response.destroy());
    response.on('close', () => asking.destroy());
    request.pipe(asking);
  }

  function relay(watch: OpenWatch): void {
    const { seen, response, upstream } = watch;
    watches.add(watch);
    response.flushHeaders();
    const end = (how: NonNullable<SeenRequest['end']>): void => {
      seen.end ??= how;
      watches.delete(watch);
    };
    const isSilent = (): boolean => watch.silent || effectOn(seen, rules)?.kind === 'silence';
    upstream.on('data', (chunk: Buffer) => {
      if (isSilent()) return;
      if (chunk.includes('"type":"ERROR"') && chunk.includes('"code":410')) end('gone');
      response.write(watch.toBeCut ? chunk.subarray(0, chunk.length / 2) : chunk, () => {
        if (!watch.toBeCut) return;
        end('cut');
        response.destroy();
      });
    });
    upstream.on('end', () => {
      if (isSilent()) return;
      end('in order');
      response.end();
    });
    upstream.on('error', () => undefined);
    upstream.on('close', () => isSilent() || upstream.complete || response.destroy());
    response.on('close', () => end('broken'));
  }

  await new Promise<void>((resolve, reject) => {
    createServer({ cert: certificate, key }, take).on('error', reject).listen(listen.port, listen.host, resolve);
  });
  return {
    requests,
    use(next) {
      rules = next;
    },
    cut() {
      for (const watch of watches) watch.toBeCut = true;
      return watches.size;
    },
    expire() {
      const open = [...watches];
      for (const { seen, response } of open) {
        seen.end = 'expired';
        response.end(`${JSON.stringify({ type: 'ERROR', object: statusBody(410) })}\n`);
      }
      return open.length;
    },
    silence(path) {
      const open = [...watches].filter(({ seen }) => seen.path.startsWith(path));
      for (const watch of open) watch.silent = true;
      return open.length;
    },
  };
}

function answer(seen: SeenRequest, effect: Extract<Effect, { kind: 'answer' }>, response: ServerResponse): void {
  const { status, retryAfterSeconds } = effect;
  seen.status = status;
  const headers = {
    'content-type': 'application/json',
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  };
  response.writeHead(status, headers).end(JSON.stringify(statusBody(status, retryAfterSeconds)));
}
